"""Leave room beside stock rows, so that their new versions need no new index entries.

They change with every order, and whoever orders the same SKU waits meanwhile.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_seed_close_policies")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE orders_stockitem SET (fillfactor = 50)",
            "ALTER TABLE orders_stockitem RESET (fillfactor)",
        )
    ]
