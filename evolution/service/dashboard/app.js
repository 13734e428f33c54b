// The page: which section is shown, by the address; the token; what went wrong.
import { Refused } from "/static/api.js";
import { compare } from "/static/compare.js";
import { devices, oneTable, tables } from "/static/fleet.js";
import { job, jobs } from "/static/jobs.js";
import { run, runs } from "/static/runs.js";

const SECTIONS = { jobs: [jobs, job], devices: [devices, null], runs: [runs, run],
  tables: [tables, oneTable], compare: [runs, compare] };
const main = document.getElementById("main"), notice = document.getElementById("notice");
const dialog = document.getElementById("ask"), given = document.getElementById("given");
let current = null;

function complain(error) {
  notice.hidden = !error;
  notice.textContent = error ? error.message : "";
  if (error instanceof Refused && error.status === 401 && !dialog.open) dialog.showModal();
}

class Page {
  #end = new AbortController();
  get signal() { return this.#end.signal; }
  close() { this.#end.abort(); }
  show(title, ...children) {
    if (this.signal.aborted) return;
    document.title = `${title} · MetroNAS`;
    main.replaceChildren(...children.filter((child) => child));
  }
  async attempt(action) {
    try { await action(); if (!this.signal.aborted) complain(null); }
    catch (error) { if (!this.signal.aborted) complain(error); }
  }
  // Again and again until another page is shown; errors are shown and do not end it.
  async every(wait, action) {
    while (!this.signal.aborted) {
      await this.attempt(action);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

function go() {
  current?.close();
  const page = current = new Page();
  const [, section = "jobs", number] = location.hash.match(/^#\/(\w+)(?:\/(\d+(?:,\d+)*))?$/) ?? [];
  const [list, one] = SECTIONS[section] ?? SECTIONS.jobs;
  const heading = section === "compare" ? "runs" : section;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${heading}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  complain(null);
  const numbers = number?.split(",").map(Number);
  page.attempt(() => (numbers && one ? one(page, section === "compare" ? numbers : numbers[0])
    : list(page)));
}

document.getElementById("token").addEventListener("click", () => dialog.showModal());
dialog.addEventListener("close", () => {
  if (dialog.returnValue === "ok") {
    if (given.value) sessionStorage.setItem("token", given.value.trim());
    else sessionStorage.removeItem("token");
    go();
  }
  given.value = "";
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // Its address would be taken for a section's.
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", () => { go(); main.focus(); });
go();
