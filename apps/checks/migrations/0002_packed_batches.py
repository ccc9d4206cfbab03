from django.db import migrations

from apps.common.fields import LongListField


def pack(apps, schema_editor):
    """Batches that wait during the upgrade keep their slots."""
    batches = apps.get_model("checks", "CheckBatch").objects.using(schema_editor.connection.alias)
    for batch in batches.iterator():
        batch.device_ids, batch.slots = batch.device_list, batch.slot_list
        batch.save(update_fields=["device_ids", "slots"])


class Migration(migrations.Migration):

    dependencies = [
        ("checks", "0001_initial"),
    ]

    operations = [
        migrations.RenameField("checkbatch", "device_ids", "device_list"),
        migrations.RenameField("checkbatch", "slots", "slot_list"),
        migrations.AddField("checkbatch", "device_ids", LongListField(default=()), preserve_default=False),
        migrations.AddField("checkbatch", "slots", LongListField(default=()), preserve_default=False),
        migrations.RunPython(pack, migrations.RunPython.noop),
        migrations.RemoveField("checkbatch", "device_list"),
        migrations.RemoveField("checkbatch", "slot_list"),
        # Nobody read it: a slot is judged by its device's interval when it is taken.
        migrations.RemoveField("checkbatch", "expires_ms"),
    ]
