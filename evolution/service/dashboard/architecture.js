// One architecture: where its latency goes, and how it is taken out.
import { ask } from "/static/api.js";
import { facts, make, ms } from "/static/parts.js";

// Elements that tell the latency of each part, and what no part accounts for.
export function breakdown(run, point) {
  const title = make("h3", {}, `Architecture ${point.number}`);
  const said = make("p", {}, `${ms(point.latency_ms)} ms predicted, at most ${ms(point.upper_ms)}; `
    + `${run.objective} ${point.error.toFixed(4)}`);
  if (!point.parts_ms.length) {
    return [title, said, make("p", { class: "soft" }, "This run did not keep what parts cost.")];
  }
  const known = point.parts_ms.reduce((sum, part) => sum + part, 0);
  const rows = [...run.parts.map((name, place) => [name, point.parts_ms[place]]),
    ["beyond the parts", point.latency_ms - known]];
  const most = Math.max(...rows.map(([, value]) => Math.abs(value)));
  return [title, said, make("table", { class: "bars" }, make("tbody", {}, ...rows.map(
    ([name, value]) => make("tr", {}, make("th", { scope: "row" }, name),
      make("td", {}, make("div", { class: value < 0 ? "bar less" : "bar",
        style: `width: ${(100 * Math.abs(value) / most).toFixed(1)}%` })),
      make("td", { class: "number" }, `${ms(value)} ms`)))))];
}

const FORMATS = ["onnx", "openvino", "tensorrt-rtx", "tensorrt", "torch"];
const PRECISIONS = ["fp32", "fp16", "bf16", "int8"];

// Asks how to take an architecture out.
export async function offer(page, run, point) {
  const dialog = make("dialog", { "aria-labelledby": "offer-title" });
  const told = make("p", { role: "status" });
  const attempt = async (action) => {
    told.className = "";
    try { await action(); } catch (error) { told.className = "bad"; told.textContent = error.message; }
  };
  const chooser = (name, values) => make("select", { "aria-label": name },
    ...values.map((value) => make("option", {}, value)));
  const format = chooser("Format", FORMATS), precision = chooser("Precision", PRECISIONS);
  const about = make("div", {});
  dialog.append(make("h2", { id: "offer-title" }, `Export architecture ${point.number}`), about,
    make("p", {}, make("button", { type: "button", onclick: () => attempt(async () => save(
      `run-${run}-architecture-${point.number}.json`,
      await ask(`/runs/${run}/architectures/${point.number}`))) }, "Save as JSON"),
    " its choices, latency by part, provenance"),
    make("p", {}, make("button", { type: "button", onclick: () => attempt(async () => {
      const job = await ask("/jobs", { method: "POST", body: JSON.stringify({ kind: "export", run,
        point: one.winner ? null : point.number, format: format.value,
        precision: precision.value }) });
      told.replaceChildren("It is being made by ", make("a", { href: `#/jobs/${job.id}`,
        onclick: () => dialog.close() }, `job ${job.id}`), "; its files will be there.");
    }) }, "Make a bundle"), " of ", format, " in ", precision),
    told, make("p", {}, make("button", { type: "button", onclick: () => dialog.close() }, "Close")));
  dialog.addEventListener("close", () => dialog.remove());
  page.signal.addEventListener("abort", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  let one = { winner: false };
  await attempt(async () => {
    one = await ask(`/runs/${run}/architectures/${point.number}`);
    const said = Object.entries(one.architecture).map(([name, value]) => `${name} ${value}`);
    about.replaceChildren(facts({ "Predicted (ms)": ms(one.latency_ms),
      "Measured (ms)": ms(one.measured_ms) ?? "not measured", Choices: said.join(", ") }));
  });
}

function save(name, content) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)],
    { type: "application/json" }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
