"""Addresses of the pages, mounted at /app/. Every page of a workspace carries its slug, so a link can be shared."""

from django.urls import include, path

from apps.web.views import alerts, entry, incidents, manage, monitor, monitor_form, monitors, overview, projects, team
from apps.web.views.status import components, editor, updates

app_name = "web"
workspace_pages = [
    path("", overview.Overview.as_view(), name="overview"),
    path("monitors/", monitors.Monitors.as_view(), name="monitors"),
    path("monitors/new", monitor_form.NewMonitor.as_view(), name="monitor-new"),
    path("monitors/trials/<str:trial_id>", monitor_form.Trial.as_view(), name="trial"),
    path("monitors/<str:monitor>", monitor.MonitorDetail.as_view(), name="monitor"),
    path("monitors/<str:monitor>/checks", monitor.CheckLog.as_view(), name="monitor-checks"),
    path("monitors/<str:monitor>/checks.csv", monitor.CheckExport.as_view(), name="monitor-export"),
    path("monitors/<str:monitor>/chart", monitor.ChartNumbers.as_view(), name="monitor-chart"),
    path("monitors/<str:monitor>/edit", monitor_form.EditMonitor.as_view(), name="monitor-edit"),
    path("monitors/<str:monitor>/test", monitor.MonitorAct.as_view(act="test"), name="monitor-test"),
    path("monitors/<str:monitor>/pause", monitor.MonitorAct.as_view(act="pause"), name="monitor-pause"),
    path("monitors/<str:monitor>/resume", monitor.MonitorAct.as_view(act="resume"), name="monitor-resume"),
    path("monitors/<str:monitor>/renew", monitor.MonitorAct.as_view(act="renew"), name="monitor-renew"),
    path("monitors/<str:monitor>/delete", monitor.MonitorAct.as_view(act="delete"), name="monitor-delete"),
    path("monitors/<str:monitor>/maintenance", monitor.MonitorMaintenance.as_view(), name="monitor-maintenance"),
    path("incidents/", incidents.IncidentList.as_view(), name="incidents"),
    path("incidents/<str:incident>", incidents.IncidentDetail.as_view(), name="incident"),
    path(
        "incidents/<str:incident>/acknowledge",
        incidents.IncidentAct.as_view(act="acknowledge"),
        name="incident-acknowledge",
    ),
    path("incidents/<str:incident>/note", incidents.IncidentAct.as_view(act="note"), name="incident-note"),
    path("incidents/<str:incident>/resolve", incidents.IncidentAct.as_view(act="resolve"), name="incident-resolve"),
    path("alerts/", alerts.Alerts.as_view(), name="alerts"),
    path("alerts/<str:kind>/test", alerts.TestAlert.as_view(), name="alert-test"),
    path("alerts/deliveries/<str:delivery>/retry", alerts.RetryDelivery.as_view(), name="delivery-retry"),
    path("status-pages/", editor.StatusPages.as_view(), name="status-pages"),
    path("status-pages/new", editor.NewStatusPage.as_view(), name="status-page-new"),
    path("status-pages/<str:page>", editor.EditStatusPage.as_view(), name="status-page"),
    path("status-pages/<str:page>/components", components.StatusComponents.as_view(), name="status-components"),
    path("status-pages/<str:page>/updates", updates.StatusUpdates.as_view(), name="status-updates"),
    path("status-pages/<str:page>/updates/<str:update>/delete", updates.DeleteUpdate.as_view(), name="update-delete"),
    path("status-pages/<str:page>/subscribers", updates.StatusSubscribers.as_view(), name="status-subscribers"),
    *(
        path(f"status-pages/<str:page>/{act}", editor.StatusPageAct.as_view(act=act), name=f"status-{act}")
        for act in ("token", "logo", "domain", "verify", "delete")
    ),
    path("projects/", projects.Projects.as_view(), name="projects"),
    path("new-project", projects.NewProject.as_view(), name="project-new"),
    path("projects/<str:key>", projects.EditProject.as_view(), name="project"),
    path("projects/<str:key>/maintenance", projects.ProjectMaintenance.as_view(), name="project-maintenance"),
    path("projects/<str:key>/delete", projects.DeleteProject.as_view(), name="project-delete"),
    path("members/", team.Members.as_view(), name="members"),
    path("members/<int:number>/role", team.SeatAct.as_view(act="role"), name="member-role"),
    path("members/<int:number>/scope", team.SeatAct.as_view(act="scope"), name="member-scope"),
    path("members/<int:number>/remove", team.SeatAct.as_view(act="remove"), name="member-remove"),
    path("members/invitations/<str:invitation>/cancel", team.CancelInvitation.as_view(), name="invitation-cancel"),
    path("tokens/", manage.Tokens.as_view(), name="tokens"),
    path("tokens/<str:token>/revoke", manage.RevokeToken.as_view(), name="token-revoke"),
    path("settings/", manage.Settings.as_view(), name="settings"),
    path("profile/", manage.Profile.as_view(), name="profile"),
    path("audit/", manage.Audit.as_view(), name="audit"),
]
urlpatterns = [
    path("", entry.Home.as_view(), name="home"),
    path("incidents/<str:incident>", overview.short_incident, name="short-incident"),
    path("w/<str:slug>/", include(workspace_pages)),
]
