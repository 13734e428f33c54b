// Runs: the list, and one run with its plot, its front and its charts.
import { ask, open } from "/static/api.js";
import { breakdown, offer } from "/static/architecture.js";
import { chart, facts, make, ms, table } from "/static/parts.js";
import { Plot } from "/static/plot.js";

const metric = (run) => {
  const value = run.info.metrics?.[run.info.objective];
  return value === undefined || value === null ? null : `${run.info.objective} ${value.toFixed(3)}`;
};
const COLUMNS = [
  ["Run", (run) => make("a", { href: `#/runs/${run.id}` }, `${run.info.recipe}, ${run.key}`)],
  ["Target", (run) => run.target], ["Budget (ms)", (run) => ms(run.info.budget_ms), true],
  ["Measured (ms)", (run) => ms(run.info.latency_ms), true],
  ["Predicted (ms)", (run) => ms(run.info.predicted_ms), true], ["Best", metric],
  ["Verdict", (run) => make("span", { class: `state ${run.info.verified ? "done" : "queued"}` },
    run.info.verified ? "verified" : "not verified")],
  ["User", (run) => run.user],
];

export async function runs(page) {
  const found = await ask("/runs");
  const boxes = new Map(found.map((run) => [run.id, make("input", { type: "checkbox",
    "aria-label": `Compare ${run.key}`, onchange: () => refresh() })]));
  const button = make("button", { type: "button", onclick: () => {
    location.hash = `#/compare/${chosen().join(",")}`;
  } }, "Compare");
  const chosen = () => [...boxes].filter(([, box]) => box.checked).map(([number]) => number);
  function refresh() {
    button.disabled = chosen().length < 2;
    button.textContent = button.disabled ? "Compare two or more" : `Compare ${chosen().length}`;
  }
  refresh();
  page.show("Runs", make("h2", {}, "Runs"), found.length > 1 ? make("p", {}, button) : null,
    table(found, [["", (run) => boxes.get(run.id)], ...COLUMNS], "No search has ended yet."));
}

export async function run(page, number) {
  const [found, points] = await Promise.all([ask(`/runs/${number}`), ask(`/runs/${number}/points`)]);
  const front = points.points.filter((point) => point.front)
    .sort((one, other) => one.latency_ms - other.latency_ms);
  const details = make("section", { class: "details", "aria-live": "polite" },
    make("p", { class: "soft" }, "Point at an architecture to see where its latency goes."));
  const choose = (point) => offer(page, number, point);
  const plot = new Plot(points, front, (point) => details.replaceChildren(
    ...breakdown(points, point)), choose);
  const calibration = make("div", { class: "chart", id: "calibration" });
  const convergence = make("div", { class: "chart", id: "convergence" });
  page.show(`Run ${number}`, make("h2", {}, `${points.recipe} on ${found.target}`),
    make("div", { class: "explore" }, plot.element, details),
    make("p", { class: "soft", id: "plot-help" }, "Arrow keys: left and right go through all "
      + "architectures by latency, up and down along the front. A click or Enter exports one."),
    facts({ Verdict: points.verified ? "verified: measured within the budget" : "not verified",
      Latencies: points.latencies === "estimated"
        ? `estimated, for no table of this target was there; behind them: ${points.evidence}` : null,
      "Budget (ms)": ms(points.budget_ms), "Measured (ms)": ms(points.best.measured_latency_ms),
      "Predicted (ms)": ms(points.best.predicted_latency_ms),
      "Upper bound (ms)": ms(points.best.upper_latency_ms), Scored: points.points.length,
      Job: found.job_id && make("a", { href: `#/jobs/${found.job_id}` }, `job ${found.job_id}`),
      Report: found.job_id && make("button", { type: "button",
        onclick: () => page.attempt(() => report(found.job_id)) }, "Open its report") }),
    make("h3", {}, "The front"), table(front, [
      ["Predicted (ms)", (point) => ms(point.latency_ms), true],
      ["Upper bound (ms)", (point) => ms(point.upper_ms), true],
      [points.objective, (point) => point.error.toFixed(4), true],
      ["Choices", (point) => point.vector.join(" ")],
      ["", (point) => make("button", { type: "button", "aria-label":
        `Export architecture ${point.number}`, onclick: () => choose(point) }, "Export")],
    ], "Nothing was scored."),
    make("h3", {}, "Prediction against measurement"), make("p", { class: "soft" },
      "The predictor has learned from the networks of the table; bars reach to the upper bound."),
    calibration, make("h3", {}, "Progress of the search"), convergence);
  await plot.draw(page.signal);
  const { figures } = await ask(`/runs/${number}/charts`);
  await chart(page, { calibration: figures.calibration, convergence: figures.convergence });
}

async function report(job) {
  const file = (await ask(`/jobs/${job}/artifacts`)).find((one) => one.path === "run/report.html");
  if (!file) throw new Error(`job ${job} handed over no report`);
  await open(file.id);
}
