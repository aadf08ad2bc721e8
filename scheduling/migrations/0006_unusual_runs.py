"""Indexes for the runs that staff look for among very many that went by themselves."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0005_history")]

    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("state", "skipped")),
                fields=["-created_at"],
                name="scheduling_run_skipped",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("trigger__in", ("catch_up", "manual", "retry"))),
                fields=["-created_at"],
                name="scheduling_run_unusual",
            ),
        ),
    ]
