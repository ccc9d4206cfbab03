#!/bin/sh
# Install the node agent of {{base}} as a service, or renew it.
#
#   install.sh HOST [PORT] SECRET [INTERVAL_SECONDS] [--net a,b] [--require-https]
set -eu

SCHEME='{{scheme}}'
PREFIX='{{prefix}}'
# Another root than the machine's own, for images that are built elsewhere.
ROOT="${DASHMON_AGENT_ROOT:-}"
HOME_DIR="$ROOT/var/lib/dashmon-agent"
CONFIG_DIR="$ROOT/etc/dashmon-agent"
UNIT="$ROOT/etc/systemd/system/dashmon-agent.service"

fail() { echo "dashmon-agent: $*" >&2; exit 1; }
is_number() { case "$1" in ''|*[!0-9]*) return 1 ;; *) return 0 ;; esac }

host=''; port=''; secret=''; interval='3'; net=''; https=''
positional=0
while [ $# -gt 0 ]; do
  case "$1" in
    --net) [ $# -ge 2 ] || fail '--net needs a list of interfaces'; net="$2"; shift ;;
    --require-https) https='--require-https' ;;
    -*) fail "unknown option $1" ;;
    *)
      positional=$((positional + 1))
      case "$positional" in
        1) host="$1" ;;
        2) if is_number "$1" && [ $# -ge 2 ]; then case "$2" in -*) secret="$1"; positional=3 ;; *) port="$1" ;; esac
           else secret="$1"; positional=3; fi ;;
        3) secret="$1" ;;
        4) is_number "$1" && [ "$1" -gt 0 ] || fail 'the interval must be a whole number of seconds'; interval="$1" ;;
        *) fail "unexpected $1" ;;
      esac ;;
  esac
  shift
done
[ -n "$host" ] && [ -n "$secret" ] || fail 'usage: install.sh HOST [PORT] SECRET [INTERVAL_SECONDS] [--net a,b] [--require-https]'
if [ -z "$port" ]; then if [ "$SCHEME" = https ]; then port=443; else port=80; fi; fi

[ "$(id -u)" = 0 ] || fail 'run this as root'
python="$(command -v python3 || true)"
[ -n "$python" ] || fail 'Python 3.9 or newer is needed'
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' || fail 'Python 3.9 or newer is needed'
command -v systemctl >/dev/null 2>&1 || fail 'systemd is needed'
case "$(uname -m)" in
  x86_64|amd64) arch=amd64 ;;
  aarch64|arm64) arch=arm64 ;;
  *) fail "there is no agent for $(uname -m)" ;;
esac

base="$SCHEME://$host:$port$PREFIX"
id dashmon-agent >/dev/null 2>&1 || useradd --system --home-dir "$HOME_DIR" --shell /usr/sbin/nologin dashmon-agent
install -d -o dashmon-agent -g dashmon-agent -m 0750 "$HOME_DIR" "$CONFIG_DIR"
fresh="$(mktemp "$HOME_DIR/.agent.XXXXXX")"
trap 'rm -f "$fresh"' EXIT
SECRET="$secret" "$python" - "$base/deploy/linux/node_linux_$arch" "$fresh" <<'PYTHON' || fail "the agent could not be fetched from $base"
import os
import sys
import urllib.request

request = urllib.request.Request(sys.argv[1], headers={"X-Node-Secret": os.environ["SECRET"]})
with urllib.request.urlopen(request, timeout=60) as answer, open(sys.argv[2], "wb") as file:
    file.write(answer.read())
PYTHON
chown dashmon-agent:dashmon-agent "$fresh"
chmod 0755 "$fresh"
mv "$fresh" "$HOME_DIR/agent.pyz"
trap - EXIT

runuser -u dashmon-agent -- "$python" "$HOME_DIR/agent.pyz" \
  --config "$CONFIG_DIR/agent.json" install "$base/api/node/metrics" "$secret" \
  --interval "$interval" ${net:+--net "$net"} $https || fail 'the server did not take the secret'

cat > "$UNIT" <<SYSTEMD
[Unit]
Description=Node agent of $host
After=network-online.target
Wants=network-online.target

[Service]
User=dashmon-agent
ExecStart=$python $HOME_DIR/agent.pyz --config $CONFIG_DIR/agent.json run
Restart=always
RestartSec=5
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=$HOME_DIR $CONFIG_DIR
ProtectHome=yes
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
SYSTEMD
systemctl daemon-reload
systemctl enable --now dashmon-agent.service
systemctl restart dashmon-agent.service
echo "dashmon-agent reports to $base every $interval s."
