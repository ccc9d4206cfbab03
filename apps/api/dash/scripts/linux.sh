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
LIB_DIR="$ROOT/usr/local/lib/dashmon-agent"
UNITS="$ROOT/etc/systemd/system"

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
try:
    with urllib.request.urlopen(request, timeout=60) as answer, open(sys.argv[2], "wb") as file:
        file.write(answer.read())
except OSError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
PYTHON
[ "$(head -c 2 "$fresh")" = '#!' ] || fail 'this server hands out another agent; install it as its makers say'
chown dashmon-agent:dashmon-agent "$fresh"
chmod 0755 "$fresh"
mv "$fresh" "$HOME_DIR/agent.pyz"
trap - EXIT

runuser -u dashmon-agent -- "$python" "$HOME_DIR/agent.pyz" \
  --config "$CONFIG_DIR/agent.json" install "$base/api/node/metrics" "$secret" \
  --interval "$interval" ${net:+--net "$net"} $https || fail 'the server did not take the secret'

# Drives answer root alone. A script that nobody else may change asks them, and the agent reads the answers.
install -d -m 0755 "$LIB_DIR"
cat > "$LIB_DIR/smart" <<'SMART'
#!/bin/sh
# Ask every drive how it is, without waking one that sleeps:  smart FOLDER [/sys/block]
set -eu
umask 027
cd "$1"
blocks="${2:-/sys/block}"
if command -v smartctl >/dev/null 2>&1; then
  for path in "$blocks"/*; do
    name="${path##*/}"
    case "$name" in loop*|ram*|zram*|sr*|fd*|dm-*|md*|nbd*|zd*|'*') continue ;; esac
    timeout 20 smartctl --json --all --nocheck=standby "/dev/$name" >".$name" 2>/dev/null || :
    mv ".$name" "$name.json"
  done
else
  rm -f ./*.json
fi
# A drive that was pulled out says nothing more.
for answer in *.json; do [ -e "$blocks/${answer%.json}" ] || rm -f "$answer"; done
SMART
chmod 0755 "$LIB_DIR/smart"

cat > "$UNITS/dashmon-agent-smart.service" <<SYSTEMD
[Unit]
Description=Answers of the drives for dashmon-agent

[Service]
Type=oneshot
Group=dashmon-agent
RuntimeDirectory=dashmon-agent-smart
RuntimeDirectoryMode=0750
RuntimeDirectoryPreserve=yes
ExecStart=/bin/sh $LIB_DIR/smart /run/dashmon-agent-smart
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateNetwork=yes
SYSTEMD
cat > "$UNITS/dashmon-agent-smart.timer" <<SYSTEMD
[Unit]
Description=Ask the drives every five minutes

[Timer]
OnBootSec=30s
OnUnitActiveSec=5min
AccuracySec=10s

[Install]
WantedBy=timers.target
SYSTEMD
cat > "$UNITS/dashmon-agent.service" <<SYSTEMD
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
systemctl enable --now dashmon-agent-smart.timer
command -v smartctl >/dev/null 2>&1 || echo 'dashmon-agent: install smartmontools to see how the drives are.'
echo "dashmon-agent reports to $base every $interval s."
