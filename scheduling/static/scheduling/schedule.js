// The page of one schedule: shows the fields that the choices ask for, the slots to
// come while somebody types, and what the task says that it would do.
"use strict";

const page = document.querySelector(".schedule-form");
const form = page.closest("form");
const slots = document.getElementById("next-slots");
const timing = slots.closest("fieldset");
const UNANSWERED = "The site did not answer. The slots are shown when you save.";
const PAUSE_MS = 300;
let asked = 0;
let timer = 0;

function chosen(name) {
  const field = form.elements.namedItem(name);
  return field ? field.value : "";
}

function showWhatIsAsked() {
  for (const part of page.querySelectorAll("[data-asked-by]")) {
    part.hidden = part.dataset.choice !== chosen(part.dataset.askedBy);
  }
}

function saysWhen(name) {
  const found = form.elements.namedItem(name);
  const field = found instanceof RadioNodeList ? found[0] : found;
  return name === "task" || timing.contains(field);
}

function entered() {
  const data = new URLSearchParams({ of: page.dataset.of });
  for (const [name, value] of new FormData(form)) {
    if (saysWhen(name)) data.append(name, value);
  }
  return data;
}

function cell(text) {
  const made = document.createElement("td");
  made.textContent = text;
  return made;
}

function showSlots(preview) {
  const summary = slots.querySelector(".summary");
  if (summary.textContent !== preview.summary) summary.textContent = preview.summary;
  summary.classList.toggle("wrong", Object.keys(preview.errors).length > 0);
  const warnings = slots.querySelector(".warnings");
  warnings.replaceChildren(...preview.warnings.map((sentence) => {
    const item = document.createElement("li");
    item.className = "warning";
    item.textContent = sentence;
    return item;
  }));
  warnings.hidden = preview.warnings.length === 0;
  slots.querySelector(".zone").textContent = preview.zone;
  slots.querySelector("table").classList.toggle("in-utc", preview.zone === "UTC");
  slots.querySelector("tbody").replaceChildren(...preview.slots.map((slot) => {
    const row = document.createElement("tr");
    const note = cell(slot.note);
    note.className = "note";
    row.append(cell(slot.local), cell(slot.utc), note);
    return row;
  }));
  slots.querySelector(".scrolls").hidden = preview.slots.length === 0;
}

async function ask() {
  const turn = ++asked;
  slots.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${page.dataset.preview}?${entered()}`, {
      headers: { Accept: "application/json" },
    });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const preview = await answer.json();
    // Answers may come in another order than they were asked for.
    if (turn === asked) showSlots(preview);
  } catch {
    if (turn === asked) slots.querySelector(".summary").textContent = UNANSWERED;
  } finally {
    if (turn === asked) slots.removeAttribute("aria-busy");
  }
}

async function askTheTask(event) {
  event.preventDefault();
  const answer = document.getElementById("dry-run-answer");
  const button = event.currentTarget;
  button.disabled = true;
  answer.hidden = false;
  answer.textContent = "It is asked …";
  try {
    const told = await fetch(button.formAction, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
    });
    if (!told.ok) throw new Error(`${told.status}`);
    const said = await told.json();
    answer.className = said.is_refusal ? "warning" : "prospect";
    answer.textContent = said.sentence;
  } catch {
    answer.className = "warning";
    answer.textContent = "The site did not answer. Try it again.";
  } finally {
    button.disabled = false;
  }
}

form.addEventListener("input", (event) => {
  showWhatIsAsked();
  if (saysWhen(event.target.name)) {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  }
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    form.requestSubmit(form.querySelector('[name="_save"]'));
  }
});
document.getElementById("dry-run").addEventListener("click", askTheTask);
showWhatIsAsked();
// A browser that comes back fills in what was entered, and tells nobody.
ask();
