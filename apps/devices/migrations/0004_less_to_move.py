"""A state that moves touches as few indexes as possible, and stays on its page: room is left there on PostgreSQL."""

import django.db.models.deletion
from django.db import migrations, models


def leave_room(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute("ALTER TABLE devices_devicestate SET (fillfactor = 70)")


def fill_up(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute("ALTER TABLE devices_devicestate RESET (fillfactor)")


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0003_warning_severity'),
        ('workspaces', '0004_surface_themes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='devicestate',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace'),
        ),
        migrations.RunPython(leave_room, fill_up),
    ]
