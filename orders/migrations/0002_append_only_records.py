"""Let the database keep the timeline and the ledger from being rewritten."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION orders_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: its rows stand as they were written',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER orders_orderevent_append_only
    BEFORE UPDATE OR DELETE ON orders_orderevent
    FOR EACH ROW EXECUTE FUNCTION orders_refuse_change();

CREATE TRIGGER orders_payment_settled_stands
    BEFORE UPDATE ON orders_payment
    FOR EACH ROW WHEN (
        OLD.status <> 'pending'
        OR to_jsonb(OLD) - 'status' <> to_jsonb(NEW) - 'status'
    )
    EXECUTE FUNCTION orders_refuse_change();

CREATE TRIGGER orders_payment_never_deleted
    BEFORE DELETE ON orders_payment
    FOR EACH ROW EXECUTE FUNCTION orders_refuse_change();
"""

REVERSE = """
DROP TRIGGER orders_payment_never_deleted ON orders_payment;
DROP TRIGGER orders_payment_settled_stands ON orders_payment;
DROP TRIGGER orders_orderevent_append_only ON orders_orderevent;
DROP FUNCTION orders_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, REVERSE)]
