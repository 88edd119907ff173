// Comfort only: everything works without. Text box and builder follow each other at once, Enter searches, running
// jobs are looked at again, sliders show their value.
"use strict";

const within = (root, selector) => Array.from(root.querySelectorAll(selector));

// --- sliders ------------------------------------------------------------------------------------------------------

document.addEventListener("input", (event) => {
  const slider = event.target;
  if (slider.type !== "range") return;
  const shown = slider.parentElement.querySelector("output");
  if (shown) shown.textContent = shown.textContent.replace(/\d+/, slider.value);
});

// --- text box and builder in step ------------------------------------------------------------------------------------

const search = document.getElementById("search");

if (search) {
  const understood = document.getElementById("understood");
  const shown = search.elements.namedItem("shown");
  const builder = within(document, "[name^='a.'], [name^='c.']");
  const witness = () => document.querySelector(".witness:has([name='at']:checked)");
  const box = () => (witness() ? witness().querySelector("textarea") : document.getElementById("q"));
  let asked = 0;
  let timer = 0;

  const tell = (told) => {
    understood.innerHTML = told.html;
    box().setAttribute("aria-invalid", String(!told.readable));
    if (!told.readable) return;
    shown.value = told.text;
    for (const input of builder) {
      const [choice, percent] = told.said[input.name.slice(2)] || ["open", 100];
      if (input.type === "radio") {
        input.checked = input.value === choice;
      } else {
        if (choice !== "open") input.value = percent;
        const output = input.parentElement.querySelector("output");
        output.textContent = output.textContent.replace(/\d+/, input.value);
      }
    }
    for (const part of within(document, "[data-region]")) {
      const count = told.counts[part.dataset.region] || 0;
      part.classList.toggle("asked", count > 0);
      const badge = part.querySelector(":scope > .count, :scope > summary > .count");
      if (badge) {
        badge.textContent = count;
        badge.hidden = count === 0;
      }
    }
  };

  // The server reads the description, by the same parser as a search; nothing is searched for or recorded here.
  const follow = async (fromBuilder) => {
    const mine = ++asked;
    const fields = new URLSearchParams({ q: box().value, shown: shown.value });
    if (fromBuilder) {
      fields.set("vocabulary", search.dataset.fingerprint);
      for (const input of builder) {
        if (input.type === "range" || input.checked) fields.append(input.name, input.value);
      }
    }
    const answer = await fetch(`/description?${fields}`, { headers: { Accept: "application/json" } });
    if (!answer.ok || mine !== asked) return;
    const told = await answer.json();
    if (fromBuilder && told.readable) box().value = told.text;
    tell(told);
  };

  const soon = (fromBuilder, wait) => {
    clearTimeout(timer);
    timer = setTimeout(() => follow(fromBuilder).catch(() => {}), wait);
  };

  for (const input of builder) {
    input.addEventListener(input.type === "range" ? "input" : "change", () => soon(true, input.type === "range" ? 150 : 0));
  }
  document.addEventListener("input", (event) => {
    if (event.target === box()) soon(false, 250);
  });
  document.addEventListener("change", (event) => {
    if (event.target.name !== "at") return;
    within(document, ".witness").forEach((one) => one.classList.toggle("active", one === witness()));
    soon(false, 0);
  });

  // Enter searches; with Shift it makes a new line.
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.tagName === "TEXTAREA") {
      event.preventDefault();
      search.requestSubmit();
    }
  });

  // What is open need not be said: the address is the query and nothing else.
  search.addEventListener("submit", (event) => {
    if (!event.submitter || event.submitter.name !== "step") clearTimeout(timer);
    document.body.classList.add("busy");
    const results = document.getElementById("results");
    if (results) results.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    document.body.classList.remove("busy");
  });

  // A region of the figure opens its part of the builder.
  for (const link of within(document, ".figure a[data-region]")) {
    link.addEventListener("click", (event) => {
      const part = document.querySelector(`details[data-region="${link.dataset.region}"]`);
      if (!part) return;
      event.preventDefault();
      part.open = true;
      part.scrollIntoView({ block: "nearest" });
      part.querySelector("summary").focus();
    });
  }
}

// --- what runs ----------------------------------------------------------------------------------------------------------

const running = document.querySelector("[data-refresh]");

if (running) {
  const again = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of within(document, "[data-refresh]")) {
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) {
        part.replaceWith(fresh);
      }
    }
    if (page.querySelector("[data-refresh='running']")) setTimeout(() => again().catch(() => {}), 1500);
  };
  if (document.querySelector("[data-refresh='running']")) setTimeout(() => again().catch(() => {}), 1500);
}

// --- small things --------------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  for (const menu of within(document, "details.who[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of within(document, "details.who[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

for (const chooser of within(document, "select[data-submits]")) {
  chooser.addEventListener("change", () => chooser.form.requestSubmit());
}
