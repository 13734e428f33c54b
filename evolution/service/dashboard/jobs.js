// Jobs: the list, and one job with its log as it comes.
import { ask, follow, open } from "/static/api.js";
import { ago, facts, make, progress, state, sure, table } from "/static/parts.js";

const link = (job) => make("a", { href: `#/jobs/${job.id}` }, `${job.id}`);
const COLUMNS = [
  ["Job", link], ["Kind", (job) => job.kind], ["For", (job) => job.parameters.target],
  ["State", state], ["Progress", progress], ["Device", (job) => job.device ?? job.run_on],
  ["User", (job) => job.user], ["Submitted", (job) => ago(job.created_at_s)],
  ["Said", (job) => job.message || null],
];

export async function jobs(page) {
  const place = make("div");
  page.show("Jobs", make("h2", {}, "Jobs"), place);
  await page.every(2000, async () => {
    // Figures of a hundred searches are half a megabyte.
    const found = await ask("/jobs?limit=100&summary=false");
    // A list that is replaced would take the keyboard's focus with it.
    const focused = document.activeElement?.getAttribute("href");
    place.replaceChildren(table(found, COLUMNS, "No job was submitted yet."));
    if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  });
}

export async function job(page, number) {
  const about = make("div"), bar = make("p"), log = make("pre", { tabindex: 0,
    "aria-label": "Log" });
  const files = make("div"), buttons = make("p");
  page.show(`Job ${number}`, make("h2", {}, `Job ${number}`), about, bar, buttons,
    make("h3", {}, "Log"), log, make("h3", {}, "Files"), files);

  let last = Promise.resolve();
  // One after the other: an answer that comes late must not hide a later one.
  function refresh() {
    last = last.then(load, load);
    return last;
  }

  async function load() {
    const found = await ask(`/jobs/${number}`);
    about.replaceChildren(facts({ Kind: found.kind, State: state(found), Device: found.device,
      User: found.user, Submitted: ago(found.created_at_s), Ended: ago(found.finished_at_s),
      Attempts: found.attempts, Priority: found.priority, Said: found.message,
      Parameters: found.parameters, Summary: found.summary }));
    bar.replaceChildren(progress(found) ?? "");
    const over = !["queued", "running"].includes(found.state);
    const gone = found.files_removed_at_s;
    // They may go between the two requests.
    const kept = gone ? [] : await ask(`/jobs/${number}/artifacts`).catch((error) => {
      if (error.status === 410) return [];
      throw error;
    });
    const remove = () => page.attempt(async () => {
      await ask(`/jobs/${number}/artifacts`, { method: "DELETE" });
      await refresh();
      log.textContent = "";
    });
    buttons.replaceChildren(...(over ? [] : [make("button", { type: "button",
      onclick: () => page.attempt(() => ask(`/jobs/${number}/cancel`, { method: "POST" })) },
      "Cancel")]), ...(over && !gone
      ? [sure("Remove files and log", "Remove for good?", remove)] : []));
    files.replaceChildren(table(kept, [
      ["File", (file) => make("button", { type: "button",
        onclick: () => page.attempt(() => open(file.id)) }, file.path)],
      ["Bytes", (file) => file.size_bytes.toLocaleString(), true],
      ["SHA-256", (file) => file.sha256.slice(0, 12)]], gone
      ? "Its files and its log were removed." : "No file was handed over."));
  }

  await refresh();
  for await (const event of follow(number, page.signal)) {
    if (event.event === "log") {
      const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 5;
      log.append(`${event.data.line}\n`);
      if (atEnd) log.scrollTop = log.scrollHeight;
    } else if (event.event === "progress") {
      bar.replaceChildren(progress({ state: "running", progress_done: event.data.done,
        progress_total: event.data.total }) ?? "");
    } else await refresh();
  }
}
