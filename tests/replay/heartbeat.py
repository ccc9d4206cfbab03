"""dashmon_heartbeat.json and dashmon_cron.json: the heartbeat machine and the schedules it waits for."""

from typing import Any

from apps.common.clock import iso_ms, parse_iso
from apps.common.errors import InvalidInputError
from apps.devices import cron, heartbeat
from tests.replay.difference import expect

Case = dict[str, Any]


def replay_heartbeat(_document: Case, case: Case) -> None:
    """Signals and observations in the order of time; a signal comes before an observation at its instant."""
    config = heartbeat.HeartbeatConfig.parse(case["config"])
    state = heartbeat.HeartbeatState(phase=case["config"].get("initial", "new"))
    steps = [(signal["at"], 0, signal) for signal in case["signals"]]
    steps += [(at, 1, {"at": at}) for at in case["observe"]]
    flips: list[heartbeat.Flip] = []
    seen: list[Case] = []
    for at, _, step in sorted(steps, key=lambda entry: entry[:2]):
        if "signal" in step:
            state, new = _signal(state, config, step)
        else:
            state, new = heartbeat.sweep(state, config, parse_iso(at))
            seen.append({"at": at} | _observation(heartbeat.display(state, config, parse_iso(at))))
        # The state is stored between any two steps.
        state = heartbeat.HeartbeatState.from_dict(state.to_dict())
        flips += new
    expect({"observations": seen, "flips": _contract_flips(flips)}, case["expect"])


def _signal(
    state: heartbeat.HeartbeatState, config: heartbeat.HeartbeatConfig, step: Case
) -> tuple[heartbeat.HeartbeatState, list[heartbeat.Flip]]:
    at = parse_iso(step["at"])
    if step["signal"] == "pause":
        return heartbeat.pause(state, config, at)
    signal = heartbeat.Signal(
        at=at,
        kind=step["signal"],
        rid=step.get("rid"),
        exit_code=step.get("exitCode"),
        method=step.get("method", "POST"),
        body=step.get("body", "").encode(),
    )
    state, flips, _ = heartbeat.apply_signal(state, config, signal)
    return state, flips


def _observation(shown: heartbeat.Display) -> Case:
    return {
        "state": shown.state,
        "running": shown.running,
        "lastSignalAt": iso_ms(shown.last_signal_at) if shown.last_signal_at else None,
        "lastDurationMs": shown.last_duration_ms,
        "nextExpectedAt": iso_ms(shown.next_expected_at) if shown.next_expected_at else None,
        "downAt": iso_ms(shown.down_at) if shown.down_at else None,
    }


def _contract_flips(flips: list[heartbeat.Flip]) -> list[Case]:
    """The contract's list, which tells no late from up."""
    stored = {"late": "up"}
    named = [
        {
            "at": iso_ms(flip.at),
            "from": stored.get(flip.before, flip.before),
            "to": stored.get(flip.after, flip.after),
            "reason": flip.reason,
        }
        for flip in flips
    ]
    return [flip for flip in named if flip["from"] != flip["to"]]


def replay_cron(_document: Case, case: Case) -> None:
    """Five fire times, each strictly after the one before; or whether the schedule is accepted."""
    schedule, zone, at = case["schedule"], case["timezone"], parse_iso(case["after"])
    if "valid" in case["expect"]:
        expect({"valid": _accepted(schedule, zone)}, case["expect"])
        return
    fired = []
    for _ in case["expect"]["next"]:
        found = cron.next_after(schedule, zone, at)
        if found is None:
            break
        at = found
        fired.append(iso_ms(at))
    expect({"next": fired}, case["expect"])


def _accepted(schedule: str, zone: str) -> bool:
    try:
        cron.validate(schedule, zone)
    except InvalidInputError:
        return False
    return True


CASES = {"dashmon_heartbeat": replay_heartbeat, "dashmon_cron": replay_cron}
