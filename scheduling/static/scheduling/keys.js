// "/" leads to the search, and Ctrl-Enter sends the form that somebody types in.
"use strict";

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input, textarea, select");
  const isChord = event.ctrlKey || event.metaKey;
  if (event.key === "Enter" && isChord) {
    const button = field?.form?.querySelector(".default[type=submit]");
    if (button) field.form.requestSubmit(button);
  } else if (event.key === "/" && !field && !isChord && !event.altKey) {
    const search = document.getElementById("searchbar");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  }
});
