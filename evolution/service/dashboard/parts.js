// Pieces of pages. Texts of the server become text nodes, never HTML.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// columns: [title, row => cell, is a number?]
export function table(rows, columns, empty) {
  if (!rows.length) return make("p", { class: "soft" }, empty);
  const head = make("tr", {}, ...columns.map(([title, , number]) =>
    make("th", { scope: "col", class: number && "number" }, title)));
  const body = rows.map((row) => make("tr", {}, ...columns.map(([, cell, number]) =>
    make("td", number ? { class: "number" } : {}, cell(row) ?? "–"))));
  return make("div", { class: "wide" },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

export function facts(record) {
  const list = make("dl");
  for (const [name, value] of Object.entries(record)) {
    if (value === null || value === undefined || value === "") continue;
    const shown = value instanceof Node ? value
      : Array.isArray(value) ? value.map((item) => typeof item === "object" ? JSON.stringify(item)
        : item).join(", ")
        : typeof value === "object" ? facts(value) : String(value);
    list.append(make("dt", {}, name), make("dd", {}, shown));
  }
  return list;
}

export function ago(seconds) {
  if (seconds === null || seconds === undefined) return null;
  const past = Math.max(0, Date.now() / 1000 - seconds);
  const [size, unit] = past < 90 ? [1, "s"] : past < 5400 ? [60, "min"] : past < 129600
    ? [3600, "h"] : [86400, "days"];
  return make("time", { datetime: new Date(seconds * 1000).toISOString(),
    title: new Date(seconds * 1000).toLocaleString() }, `${Math.round(past / size)} ${unit} ago`);
}

export function state(job) {
  const text = job.cancel_requested && job.state === "running" ? "cancelling" : job.state;
  return make("span", { class: `state ${job.state}` }, text);
}

export function progress(job) {
  if (job.state !== "running" && job.state !== "done") return null;
  if (!job.progress_total) return job.state === "running" ? "running" : null;
  const text = `${job.progress_done} of ${job.progress_total}`;
  return make("span", {}, make("progress", { value: job.progress_done, max: job.progress_total,
    "aria-label": text }), ` ${text}`);
}

// Scripts that draw; classic ones, for the pages that reports are also have them inside.
const DRAWING = ["plotly.min.js", "charts.js"];
let drawing = null;

export function plotly() {
  const load = (name) => new Promise((resolve, reject) => document.head.append(make("script", {
    src: `/static/${name}`, onload: resolve,
    onerror: () => reject(new Error("the scripts of the plots did not load")) })));
  drawing ??= Promise.all(DRAWING.map(load)).catch((error) => { drawing = null; throw error; });
  return drawing;
}

// Figures of the server, into the elements of those ids.
export async function chart(page, figures) {
  await plotly();
  if (!page.signal.aborted) drawFigures(figures, page.signal);
}

export const ms = (value) => (value === null || value === undefined ? null : value.toFixed(2));

// A button that asks once more: what it does cannot be undone.
export function sure(label, question, act) {
  const button = make("button", { type: "button" }, label);
  button.onclick = () => {
    if (button.textContent === question) act();
    else button.textContent = question;
  };
  button.onblur = () => { button.textContent = label; };
  return button;
}
