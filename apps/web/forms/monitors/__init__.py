"""Forms of monitors, one per kind."""

from apps.web.forms.monitors.base import MonitorForm
from apps.web.forms.monitors.heartbeat import HeartbeatForm
from apps.web.forms.monitors.http import HttpForm
from apps.web.forms.monitors.network import DnsForm, DomainForm, PingForm, TcpForm, TlsForm

FORMS: dict[str, type[MonitorForm]] = {
    str(form.kind): form for form in (HttpForm, TcpForm, PingForm, DnsForm, HeartbeatForm, TlsForm, DomainForm)
}

__all__ = ["FORMS", "MonitorForm"]
