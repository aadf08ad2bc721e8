"""Run in the container that has a browser: fill in the form of a schedule, key by key.

Reads the first superuser's password; prints as JSON what the page showed meanwhile.
"""

import json
import sys
from typing import Any
from uuid import uuid4

from playwright.sync_api import Page, expect, sync_playwright

SESSIONS = "scheduling.tasks.clean_up_expired_sessions"
SITE = "http://localhost:8000"
# Long enough for the slowest machine; nothing passes by waiting it out.
GUARD_MS = 60_000
BROWSER = "/usr/bin/chromium-headless-shell"
# It is confined by its container already, and has no large /dev/shm there.
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]


def main() -> None:
    """Log in, fill in the form, save it, and tell what was to be seen."""
    expect.set_options(timeout=GUARD_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        page = browser.new_page()
        page.set_default_timeout(GUARD_MS)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        log_in(page, sys.stdin.readline().strip())
        told = fill_in(page)
        browser.close()
    sys.stdout.write(json.dumps(told | {"errors": errors}))


def log_in(page: Page, password: str) -> None:
    page.goto(f"{SITE}/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def fill_in(page: Page) -> dict[str, Any]:
    """Return the slots that stood there at each step, and the answer to saving."""
    page.goto(f"{SITE}/admin/django_celery_beat/periodictask/add/")
    slots = page.locator("#next-slots tbody tr td:first-child")
    summary = page.locator("#next-slots .summary")
    page.locator("#id_name").fill(f"Typed {uuid4()}")
    page.locator("#id_task").select_option(SESSIONS)
    type_into(page, "hour", "4")
    type_into(page, "zone", "Asia/Kolkata")
    expect(summary).to_contain_text("Daily at 04:00, Asia/Kolkata")
    daily = slots.all_inner_texts()

    type_into(page, "hour", "99")
    expect(summary).to_contain_text("99")
    refused = summary.inner_text()

    page.get_by_label("At a fixed interval").check()
    type_into(page, "every", "2")
    expect(summary).to_contain_text("Every 2 hours")
    expect(page.locator("#id_hour")).to_be_hidden()
    every_two_hours = slots.all_inner_texts()

    page.get_by_role("button", name="What would it do now?").click()
    expect(page.locator("#dry-run-answer")).to_contain_text("session")
    page.locator('[name="_save"]').click()
    return {
        "daily": daily,
        "refused": refused,
        "every_two_hours": every_two_hours,
        "saved": page.locator(".messagelist").inner_text(),
    }


def type_into(page: Page, name: str, text: str) -> None:
    """Replace what stands in a field, a key at a time."""
    field = page.locator(f"#id_{name}")
    field.clear()
    field.press_sequentially(text)


if __name__ == "__main__":
    main()
