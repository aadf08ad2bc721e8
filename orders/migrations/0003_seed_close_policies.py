"""Give a new installation its policies. Frozen: staff keep the rows from here on."""

from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

POLICIES = (
    # kind, payment mode, enabled, after, grace
    ("unpaid", "online", True, timedelta(days=3), timedelta(0)),
    ("unpaid", "offline", True, timedelta(days=14), timedelta(days=3)),
    ("unpaid", "on_delivery", False, timedelta(days=30), timedelta(0)),
    ("completed", "", True, timedelta(days=30), timedelta(0)),
    ("draft", "", True, timedelta(days=30), timedelta(0)),
)


def seed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    policies = apps.get_model("orders", "ClosePolicy").objects.using(
        schema_editor.connection.alias
    )
    for kind, payment_mode, enabled, after, grace in POLICIES:
        policies.get_or_create(
            kind=kind,
            match_source="",
            match_payment_mode=payment_mode,
            defaults={"enabled": enabled, "after": after, "grace": grace},
        )


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_append_only_records")]

    # The way back is the table's own end; staff's edits are not taken away.
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
