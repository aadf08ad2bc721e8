import datetime
import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

import orders.models.address


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        # Numbers come from the database, so that no two writers share one.
        migrations.RunSQL(
            "CREATE SEQUENCE orders_order_number_seq START 100001",
            "DROP SEQUENCE orders_order_number_seq",
        ),
        migrations.CreateModel(
            name="StockItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "sku",
                    models.CharField(max_length=64, unique=True, verbose_name="SKU"),
                ),
                ("on_hand", models.PositiveIntegerField(default=0)),
                ("reserved", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "allow_backorder",
                    models.BooleanField(
                        default=False,
                        help_text="Orders may reserve more than is on hand.",
                    ),
                ),
            ],
            options={
                "ordering": ("sku",),
            },
        ),
        migrations.CreateModel(
            name="ClosePolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("unpaid", "Unpaid: cancel"),
                            ("completed", "Completed: close"),
                            ("draft", "Draft: cancel"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "match_source",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("web", "Web shop"),
                            ("admin", "Staff"),
                            ("api", "API"),
                            ("import", "Import"),
                            ("pos", "Point of sale"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                (
                    "match_payment_mode",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("online", "Online"),
                            ("offline", "Offline (transfer, invoice)"),
                            ("on_delivery", "On delivery"),
                            ("none", "None"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                (
                    "enabled",
                    models.BooleanField(
                        default=True,
                        help_text="A disabled policy means never, for what it matches.",
                    ),
                ),
                (
                    "after",
                    models.DurationField(
                        help_text="Completed, draft: how long it may stay so. Unpaid: sets the due date of orders placed from now on."
                    ),
                ),
                (
                    "grace",
                    models.DurationField(
                        default=datetime.timedelta(0),
                        help_text="Unpaid: waited beyond the due date. Applies at once.",
                    ),
                ),
                (
                    "pending_wait",
                    models.DurationField(
                        default=datetime.timedelta(days=7),
                        help_text="A pending payment blocks closing for so long.",
                    ),
                ),
                ("notify_customer", models.BooleanField(default=False)),
                (
                    "surge_limit",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="More candidates than this need approval. Empty: 500, or a fifth of the open orders where that is more.",
                        null=True,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "close policies",
                "ordering": ("kind", "match_payment_mode", "match_source"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "match_source", "match_payment_mode"),
                        name="orders_closepolicy_match_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["unpaid", "completed", "draft"])
                        ),
                        name="orders_closepolicy_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("after__gte", datetime.timedelta(0)),
                            ("grace__gte", datetime.timedelta(0)),
                            ("pending_wait__gte", datetime.timedelta(0)),
                        ),
                        name="orders_closepolicy_durations_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("after__lte", datetime.timedelta(days=36500)),
                            ("grace__lte", datetime.timedelta(days=36500)),
                            ("pending_wait__lte", datetime.timedelta(days=36500)),
                        ),
                        name="orders_closepolicy_durations_within_a_century",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "number",
                    models.BigIntegerField(
                        db_default=models.Func(
                            output_field=models.BigIntegerField(),
                            template="nextval('orders_order_number_seq')",
                        ),
                        editable=False,
                        unique=True,
                    ),
                ),
                ("channel", models.CharField(blank=True, default="", max_length=64)),
                (
                    "external_reference",
                    models.CharField(blank=True, default="", max_length=128),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("open", "Open"),
                            ("closed", "Closed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="draft",
                        editable=False,
                        max_length=16,
                    ),
                ),
                (
                    "cancel_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("customer", "Customer changed their mind"),
                            ("declined", "Payment declined"),
                            ("fraud", "Suspected fraud"),
                            ("inventory", "Not in stock"),
                            ("staff", "Staff's mistake"),
                            ("payment_overdue", "Not paid in time"),
                            ("draft_abandoned", "Draft abandoned"),
                            ("other", "Other"),
                        ],
                        default="",
                        max_length=32,
                    ),
                ),
                (
                    "close_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("completed", "Completed"),
                            ("auto_completed", "Completed, closed by policy"),
                            ("written_off", "Written off"),
                            ("other", "Other"),
                        ],
                        default="",
                        max_length=32,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("web", "Web shop"),
                            ("admin", "Staff"),
                            ("api", "API"),
                            ("import", "Import"),
                            ("pos", "Point of sale"),
                        ],
                        default="web",
                        max_length=16,
                    ),
                ),
                (
                    "payment_mode",
                    models.CharField(
                        choices=[
                            ("online", "Online"),
                            ("offline", "Offline (transfer, invoice)"),
                            ("on_delivery", "On delivery"),
                            ("none", "None"),
                        ],
                        default="online",
                        max_length=16,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                (
                    "subtotal",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                (
                    "order_discount",
                    models.DecimalField(
                        decimal_places=3,
                        default=0,
                        help_text="The order's own discount, beside those of its lines.",
                        max_digits=14,
                    ),
                ),
                (
                    "order_tax",
                    models.DecimalField(
                        decimal_places=3,
                        default=0,
                        help_text="Tax beside that of the lines, on shipping for instance.",
                        max_digits=14,
                    ),
                ),
                (
                    "discount_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                (
                    "shipping_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                (
                    "tax_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                (
                    "grand_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                (
                    "captured_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                (
                    "refunded_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                (
                    "charged_back_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                (
                    "authorized_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                ("payments_pending", models.PositiveIntegerField(default=0)),
                ("payments_pending_since", models.DateTimeField(blank=True, null=True)),
                ("returns_open", models.PositiveIntegerField(default=0)),
                ("qty_ordered", models.PositiveBigIntegerField(default=0)),
                ("qty_fulfilled", models.PositiveBigIntegerField(default=0)),
                ("qty_returned", models.PositiveBigIntegerField(default=0)),
                ("qty_cancelled", models.PositiveBigIntegerField(default=0)),
                (
                    "payment_status",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(
                                captured_total=0,
                                grand_total=0,
                                then=models.Value("not_required"),
                            ),
                            models.When(
                                authorized_total__gt=0,
                                captured_total=0,
                                then=models.Value("authorized"),
                            ),
                            models.When(captured_total=0, then=models.Value("unpaid")),
                            models.When(
                                refunded_total__gte=models.F("captured_total"),
                                then=models.Value("refunded"),
                            ),
                            models.When(
                                captured_total__gt=django.db.models.expressions.CombinedExpression(
                                    models.F("grand_total"),
                                    "+",
                                    models.F("refunded_total"),
                                ),
                                then=models.Value("overpaid"),
                            ),
                            models.When(
                                refunded_total__gt=0,
                                then=models.Value("partially_refunded"),
                            ),
                            models.When(
                                captured_total__lt=models.F("grand_total"),
                                then=models.Value("partially_paid"),
                            ),
                            default=models.Value("paid"),
                        ),
                        output_field=models.CharField(
                            choices=[
                                ("not_required", "Not required"),
                                ("unpaid", "Unpaid"),
                                ("authorized", "Authorized"),
                                ("partially_paid", "Partially paid"),
                                ("paid", "Paid"),
                                ("overpaid", "Overpaid"),
                                ("partially_refunded", "Partially refunded"),
                                ("refunded", "Refunded"),
                            ],
                            max_length=20,
                        ),
                    ),
                ),
                (
                    "fulfillment_status",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(
                                qty_fulfilled=0,
                                qty_ordered=models.F("qty_cancelled"),
                                then=models.Value("not_required"),
                            ),
                            models.When(
                                qty_fulfilled=0, then=models.Value("unfulfilled")
                            ),
                            models.When(
                                qty_ordered__gt=django.db.models.expressions.CombinedExpression(
                                    models.F("qty_fulfilled"),
                                    "+",
                                    models.F("qty_cancelled"),
                                ),
                                then=models.Value("partial"),
                            ),
                            models.When(
                                qty_returned=models.F("qty_fulfilled"),
                                then=models.Value("returned"),
                            ),
                            models.When(
                                qty_returned__gt=0,
                                then=models.Value("partially_returned"),
                            ),
                            default=models.Value("fulfilled"),
                        ),
                        output_field=models.CharField(
                            choices=[
                                ("not_required", "Not required"),
                                ("unfulfilled", "Unfulfilled"),
                                ("partial", "Partially fulfilled"),
                                ("fulfilled", "Fulfilled"),
                                ("partially_returned", "Partially returned"),
                                ("returned", "Returned"),
                            ],
                            max_length=20,
                        ),
                    ),
                ),
                (
                    "customer_email",
                    models.CharField(blank=True, default="", max_length=254),
                ),
                (
                    "customer_name",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                (
                    "customer_reference",
                    models.CharField(blank=True, default="", max_length=128),
                ),
                (
                    "billing_address",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        validators=[orders.models.address.validate_address],
                    ),
                ),
                (
                    "shipping_address",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        validators=[orders.models.address.validate_address],
                    ),
                ),
                (
                    "payment_due_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When the money is due; empty: never.",
                        null=True,
                    ),
                ),
                (
                    "completed_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When it was both settled and fulfilled.",
                        null=True,
                    ),
                ),
                (
                    "hold_reason",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                (
                    "hold_until",
                    models.DateTimeField(
                        blank=True, help_text="Empty: until it is released.", null=True
                    ),
                ),
                (
                    "automation_exempt",
                    models.BooleanField(
                        default=False,
                        help_text="Never cancelled or closed by a policy.",
                    ),
                ),
                (
                    "attention",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("paid_after_cancel", "Paid after it was cancelled"),
                                ("overpaid", "Overpaid"),
                                ("over_refunded", "Refunded more than was captured"),
                                ("chargeback", "Chargeback"),
                                ("mail_failed", "Mail failed"),
                            ],
                            max_length=32,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("metadata", models.JSONField(blank=True, default=dict)),
                (
                    "version",
                    models.PositiveIntegerField(
                        default=1, help_text="Grows by one with each committed change."
                    ),
                ),
                ("event_seq", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("placed_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("-number",),
                "permissions": (
                    ("override_order", "Can override the rules of an order"),
                    ("record_payment", "Can record and settle payments"),
                    ("import_orders", "Can import orders"),
                    ("export_orders", "Can export orders"),
                ),
                "indexes": [
                    models.Index(
                        fields=["status", "-number"], name="orders_order_by_status"
                    ),
                    models.Index(
                        django.db.models.functions.text.Upper("customer_email"),
                        condition=models.Q(("customer_email", ""), _negated=True),
                        name="orders_order_by_email",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        condition=models.Q(("tags", []), _negated=True),
                        fields=["tags"],
                        name="orders_order_by_tag",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        condition=models.Q(("attention", []), _negated=True),
                        fields=["attention"],
                        name="orders_order_by_attention",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("authorized_total", 0),
                            ("captured_total", 0),
                            ("grand_total__gt", 0),
                            ("qty_fulfilled", 0),
                            ("refunded_total", 0),
                            ("status", "open"),
                        ),
                        fields=["payment_due_at", "id"],
                        name="orders_order_due_unpaid",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("completed_at__isnull", False), ("status", "open")
                        ),
                        fields=["completed_at", "id"],
                        name="orders_order_due_completed",
                    ),
                    models.Index(
                        condition=models.Q(("status", "draft")),
                        fields=["updated_at", "id"],
                        name="orders_order_due_draft",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("external_reference", ""), _negated=True),
                        fields=("channel", "external_reference"),
                        name="orders_order_reference_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["draft", "open", "closed", "cancelled"])
                        ),
                        name="orders_order_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("cancelled_at__isnull", False),
                                ("status", "cancelled"),
                                models.Q(("cancel_reason", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("status", "cancelled"), _negated=True),
                                ("cancel_reason", ""),
                                ("cancelled_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="orders_order_cancelled_with_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("closed_at__isnull", False),
                                ("status", "closed"),
                                models.Q(("close_reason", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("status", "closed"), _negated=True),
                                ("close_reason", ""),
                                ("closed_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="orders_order_closed_with_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status__in", ["open", "closed"]), _negated=True),
                            ("placed_at__isnull", False),
                            _connector="OR",
                        ),
                        name="orders_order_open_is_placed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "draft"), _negated=True),
                            ("placed_at__isnull", True),
                            _connector="OR",
                        ),
                        name="orders_order_draft_is_not_placed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "grand_total",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("subtotal"),
                                            "-",
                                            models.F("discount_total"),
                                        ),
                                        "+",
                                        models.F("shipping_total"),
                                    ),
                                    "+",
                                    models.F("tax_total"),
                                ),
                            )
                        ),
                        name="orders_order_sums_agree",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("authorized_total__gte", 0),
                            ("captured_total__gte", 0),
                            ("charged_back_total__gte", 0),
                            ("discount_total__gte", models.F("order_discount")),
                            ("grand_total__gte", 0),
                            ("order_discount__gte", 0),
                            ("order_tax__gte", 0),
                            ("refunded_total__gte", 0),
                            ("shipping_total__gte", 0),
                            ("subtotal__gte", 0),
                            ("tax_total__gte", models.F("order_tax")),
                        ),
                        name="orders_order_amounts_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("refunded_total__lte", models.F("captured_total")),
                            ("attention__contains", ["over_refunded"]),
                            _connector="OR",
                        ),
                        name="orders_order_refunds_within_captures",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "qty_ordered__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("qty_fulfilled"),
                                    "+",
                                    models.F("qty_cancelled"),
                                ),
                            ),
                            ("qty_returned__lte", models.F("qty_fulfilled")),
                        ),
                        name="orders_order_quantities_agree",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("payments_pending", 0),
                                ("payments_pending_since__isnull", True),
                            ),
                            models.Q(
                                ("payments_pending__gt", 0),
                                ("payments_pending_since__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="orders_order_pending_since",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hold_until__isnull", True),
                            models.Q(("hold_reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="orders_order_hold_has_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                        name="orders_order_currency_code",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            models.Func(
                                django.db.models.functions.comparison.Cast(
                                    "metadata", models.TextField()
                                ),
                                function="octet_length",
                                output_field=models.IntegerField(),
                            ),
                            16384,
                        ),
                        name="orders_order_metadata_size",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tags__len__lte", 50)),
                        name="orders_order_tags_count",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Fulfillment",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "direction",
                    models.CharField(
                        choices=[
                            ("out", "To the customer"),
                            ("in", "From the customer"),
                        ],
                        default="out",
                        max_length=3,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("shipped", "Shipped"),
                            ("delivered", "Delivered"),
                            ("requested", "Requested"),
                            ("received", "Received"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=16,
                    ),
                ),
                ("carrier", models.CharField(blank=True, default="", max_length=64)),
                (
                    "tracking_number",
                    models.CharField(blank=True, default="", max_length=128),
                ),
                (
                    "tracking_url",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=500,
                        validators=[
                            django.core.validators.URLValidator(
                                schemes=["http", "https"]
                            )
                        ],
                    ),
                ),
                (
                    "restock",
                    models.BooleanField(
                        default=False, help_text="Returned units go back into stock."
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("shipped_at", models.DateTimeField(blank=True, null=True)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("received_at", models.DateTimeField(blank=True, null=True)),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fulfillments",
                        to="orders.order",
                    ),
                ),
            ],
            options={
                "ordering": ("created_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="OrderEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("seq", models.PositiveIntegerField()),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("order.created", "Created"),
                            ("order.updated", "Updated"),
                            ("order.placed", "Placed"),
                            ("order.cancelled", "Cancelled"),
                            ("order.closed", "Closed"),
                            ("order.reopened", "Reopened"),
                            ("order.reinstated", "Reinstated"),
                            ("order.held", "Held"),
                            ("order.released", "Released"),
                            ("order.payment_due_changed", "Due date changed"),
                            ("order.units_cancelled", "Units cancelled"),
                            ("order.attention_resolved", "Attention resolved"),
                            ("order.erased", "Customer erased"),
                            ("order.paid", "Paid"),
                            (
                                "order.paid_after_cancellation",
                                "Paid after cancellation",
                            ),
                            ("payment.recorded", "Payment recorded"),
                            ("payment.succeeded", "Payment succeeded"),
                            ("payment.failed", "Payment failed"),
                            ("fulfillment.created", "Fulfillment created"),
                            ("fulfillment.shipped", "Shipped"),
                            ("fulfillment.delivered", "Delivered"),
                            ("fulfillment.cancelled", "Fulfillment cancelled"),
                            ("return.requested", "Return requested"),
                            ("return.received", "Return received"),
                            ("note.added", "Note"),
                            ("tag.changed", "Tags changed"),
                            ("mail.sent", "Mail sent"),
                            ("stock.released", "Stock released"),
                        ],
                        max_length=40,
                    ),
                ),
                ("occurred_at", models.DateTimeField()),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("user", "User"),
                            ("api_client", "API client"),
                            ("system", "System"),
                        ],
                        max_length=16,
                    ),
                ),
                ("actor_id", models.CharField(blank=True, default="", max_length=64)),
                (
                    "actor_label",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                ("run_id", models.CharField(blank=True, default="", max_length=64)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("admin", "Admin"),
                            ("api", "API"),
                            ("task", "Task"),
                            ("command", "Command"),
                            ("import", "Import"),
                        ],
                        max_length=16,
                    ),
                ),
                ("data", models.JSONField(default=dict)),
                ("note", models.TextField(blank=True, default="")),
                (
                    "dedupe_key",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Empty: may happen again.",
                        max_length=200,
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="orders.order",
                    ),
                ),
            ],
            options={
                "ordering": ("order_id", "seq"),
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                ("sku", models.CharField(max_length=64, verbose_name="SKU")),
                ("name", models.CharField(max_length=255)),
                ("quantity", models.PositiveIntegerField()),
                ("unit_price", models.DecimalField(decimal_places=3, max_digits=14)),
                (
                    "discount_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                (
                    "tax_total",
                    models.DecimalField(decimal_places=3, default=0, max_digits=14),
                ),
                ("line_total", models.DecimalField(decimal_places=3, max_digits=14)),
                ("requires_shipping", models.BooleanField(default=True)),
                ("qty_reserved", models.PositiveIntegerField(default=0)),
                ("qty_fulfilled", models.PositiveIntegerField(default=0)),
                ("qty_returned", models.PositiveIntegerField(default=0)),
                ("qty_cancelled", models.PositiveIntegerField(default=0)),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.order",
                    ),
                ),
            ],
            options={
                "ordering": ("order_id", "position"),
            },
        ),
        migrations.CreateModel(
            name="FulfillmentLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("quantity", models.PositiveIntegerField()),
                (
                    "fulfillment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.fulfillment",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fulfillment_lines",
                        to="orders.orderline",
                    ),
                ),
            ],
            options={
                "ordering": ("fulfillment_id", "line_id"),
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("authorization", "Authorization"),
                            ("capture", "Capture"),
                            ("void", "Void"),
                            ("refund", "Refund"),
                            ("chargeback", "Chargeback"),
                            ("chargeback_reversed", "Chargeback reversed"),
                        ],
                        max_length=32,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=3, max_digits=14)),
                ("currency", models.CharField(max_length=3)),
                ("provider", models.CharField(blank=True, default="", max_length=64)),
                (
                    "provider_reference",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Names one movement at the provider.",
                        max_length=128,
                    ),
                ),
                ("occurred_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("user", "User"),
                            ("api_client", "API client"),
                            ("system", "System"),
                        ],
                        max_length=16,
                    ),
                ),
                ("actor_id", models.CharField(blank=True, default="", max_length=64)),
                (
                    "actor_label",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="orders.order",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        help_text="The movement that this one captures, voids or gives back.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="orders.payment",
                    ),
                ),
            ],
            options={
                "ordering": ("occurred_at", "created_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="AutoCloseRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "trigger",
                    models.CharField(
                        choices=[
                            ("schedule", "Schedule"),
                            ("manual", "By hand"),
                            ("approval", "Approval"),
                            ("follow_up", "Follow-up"),
                        ],
                        max_length=16,
                    ),
                ),
                ("dry_run", models.BooleanField(default=False)),
                ("kinds", models.JSONField(help_text="The kinds of policy asked for.")),
                ("limit", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "approve_all",
                    models.BooleanField(
                        default=False,
                        help_text="Started with the approval of whatever it counts.",
                    ),
                ),
                ("allowances", models.JSONField(default=dict)),
                (
                    "cutoff",
                    models.DateTimeField(help_text="What was due by then was due."),
                ),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.CharField(blank=True, default="", max_length=64)),
                (
                    "actor_label",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                ("origin", models.CharField(max_length=16)),
                (
                    "approved_by",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                ("approved_at", models.DateTimeField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("completed", "Completed"),
                            ("partial", "Partial"),
                            ("needs_approval", "Needs approval"),
                            ("already_running", "Another was running"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                (
                    "stopped_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("time", "Its time was up"),
                            ("shutdown", "The worker was stopped"),
                            ("failures", "Too many orders failed"),
                            ("database", "The database went away"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                ("summary", models.JSONField(default=dict)),
                ("progress_done", models.PositiveIntegerField(default=0)),
                ("progress_total", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "follows",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="followed_by",
                        to="orders.autocloserun",
                    ),
                ),
            ],
            options={
                "verbose_name": "sweep",
                "ordering": ("-created_at", "id"),
                "permissions": (
                    ("run_autoclose", "Can preview, dry-run and run the sweep"),
                    ("approve_autoclose", "Can approve a surge"),
                ),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("stopped_by", ""), ("state", "partial"), _connector="OR"
                        ),
                        name="orders_autocloserun_stopped_is_partial",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("approved_at__isnull", True), ("approved_by", "")
                            ),
                            models.Q(
                                models.Q(("approved_by", ""), _negated=True),
                                ("approved_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="orders_autocloserun_approved_by_someone",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="fulfillment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("direction", "out"),
                        (
                            "status__in",
                            ["pending", "shipped", "delivered", "cancelled"],
                        ),
                    ),
                    models.Q(
                        ("direction", "in"),
                        ("status__in", ["requested", "received", "cancelled"]),
                    ),
                    _connector="OR",
                ),
                name="orders_fulfillment_status_fits_direction",
            ),
        ),
        migrations.AddConstraint(
            model_name="fulfillment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status__in", ["shipped", "delivered"]), _negated=True),
                    ("shipped_at__isnull", False),
                    _connector="OR",
                ),
                name="orders_fulfillment_shipped_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="fulfillment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "delivered"), _negated=True),
                    ("delivered_at__isnull", False),
                    _connector="OR",
                ),
                name="orders_fulfillment_delivered_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="fulfillment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("tracking_url", ""),
                    ("tracking_url__regex", "^https?://"),
                    _connector="OR",
                ),
                name="orders_fulfillment_tracking_url_is_web",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderevent",
            constraint=models.UniqueConstraint(
                fields=("order", "seq"), name="orders_orderevent_seq_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderevent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("dedupe_key", ""), _negated=True),
                fields=("dedupe_key",),
                name="orders_orderevent_dedupe_key_once",
            ),
        ),
        migrations.AddIndex(
            model_name="orderline",
            index=models.Index(fields=["sku"], name="orders_orderline_by_sku"),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.UniqueConstraint(
                fields=("order", "position"), name="orders_orderline_position_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gt", 0)),
                name="orders_orderline_quantity_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("discount_total__gte", 0),
                    ("line_total__gte", 0),
                    ("tax_total__gte", 0),
                    ("unit_price__gte", 0),
                ),
                name="orders_orderline_amounts_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "line_total",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("quantity"), "*", models.F("unit_price")
                                ),
                                "-",
                                models.F("discount_total"),
                            ),
                            "+",
                            models.F("tax_total"),
                        ),
                    )
                ),
                name="orders_orderline_sums_agree",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("qty_returned__lte", models.F("qty_fulfilled")),
                    (
                        "quantity__gte",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("qty_fulfilled"),
                                "+",
                                models.F("qty_cancelled"),
                            ),
                            "+",
                            models.F("qty_reserved"),
                        ),
                    ),
                ),
                name="orders_orderline_quantities_agree",
            ),
        ),
        migrations.AddConstraint(
            model_name="fulfillmentline",
            constraint=models.UniqueConstraint(
                fields=("fulfillment", "line"), name="orders_fulfillmentline_line_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="fulfillmentline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gt", 0)),
                name="orders_fulfillmentline_quantity_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("provider_reference", ""), _negated=True),
                fields=("provider", "kind", "provider_reference"),
                name="orders_payment_reference_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)),
                name="orders_payment_amount_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "succeeded", "failed"])),
                name="orders_payment_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "authorization",
                            "capture",
                            "void",
                            "refund",
                            "chargeback",
                            "chargeback_reversed",
                        ],
                    )
                ),
                name="orders_payment_kind_known",
            ),
        ),
    ]
