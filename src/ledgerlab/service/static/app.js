"use strict";

// The part of the service one is in, for eyes and for screen readers.
for (const link of document.querySelectorAll("nav a")) {
  if (location.pathname.startsWith(link.pathname)) link.setAttribute("aria-current", "page");
}

// An invoice is not due before today.
const due = document.querySelector("#due");
if (due) due.min = new Date().toISOString().slice(0, 10);
