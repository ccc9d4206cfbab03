"""The default group of nodes for workspaces that are older than nodes."""

from django.db import migrations


def make_default_groups(apps, schema_editor):
    Workspace = apps.get_model("workspaces", "Workspace")
    Counter = apps.get_model("workspaces", "Counter")
    NodeGroup = apps.get_model("nodes", "NodeGroup")
    grouped = NodeGroup.objects.filter(is_default=True).values("workspace_id")
    for workspace in Workspace.objects.exclude(pk__in=grouped).order_by("pk").iterator(chunk_size=500):
        counter, _ = Counter.objects.get_or_create(workspace=workspace, kind="node_group")
        counter.last += 1
        counter.save(update_fields=["last"])
        NodeGroup.objects.create(
            workspace=workspace, number=counter.last, name="default", remark="default", is_default=True
        )


class Migration(migrations.Migration):
    dependencies = [("nodes", "0001_initial")]

    operations = [migrations.RunPython(make_default_groups, migrations.RunPython.noop)]
