// Runs: the list, and a run's architectures in the plane of latency and error.
import { ask } from "/static/api.js";
import { facts, make, ms, table } from "/static/parts.js";

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
  page.show("Runs", make("h2", {}, "Runs"),
    table(await ask("/runs"), COLUMNS, "No search has ended yet."));
}

export async function run(page, number) {
  const found = await ask(`/runs/${number}`), points = await ask(`/runs/${number}/points`);
  const plot = make("div", { class: "plot", role: "img",
    "aria-label": "Latency and error of every architecture that was scored" });
  const front = points.points.filter((point) => point.front)
    .sort((one, other) => one.latency_ms - other.latency_ms);
  page.show(`Run ${number}`, make("h2", {}, `${found.info.recipe} on ${found.target}`), plot,
    facts({ Verdict: points.verified ? "verified: measured within the budget" : "not verified",
      "Budget (ms)": ms(points.budget_ms), "Measured (ms)": ms(points.best.measured_latency_ms),
      "Predicted (ms)": ms(points.best.predicted_latency_ms),
      "Upper bound (ms)": ms(points.best.upper_latency_ms), Scored: points.points.length,
      Job: found.job_id && make("a", { href: `#/jobs/${found.job_id}` }, `job ${found.job_id}`) }),
    make("h3", {}, "The front"), table(front, [
      ["Predicted (ms)", (point) => ms(point.latency_ms), true],
      ["Upper bound (ms)", (point) => ms(point.upper_ms), true],
      [points.objective, (point) => point.error.toFixed(4), true],
      ["Choices", (point) => point.vector.join(" ")]], "Nothing was scored."));
  await plotly();
  draw(plot, points, front);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", () => draw(plot, points, front), { signal: page.signal });
}

function draw(plot, run, front) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const marks = (items, name, mark, mode = "markers") => ({ name, mode, type: "scatter",
    x: items.map((item) => item.latency_ms), y: items.map((item) => item.error),
    customdata: items.map((item) => [item.upper_ms, item.vector?.join(" ")]), marker: mark,
    line: { color: mark.color, shape: "hv" },
    hovertemplate: `%{x:.2f} ms, at most %{customdata[0]:.2f}<br>${run.objective} %{y:.4f}`
      + "<br>%{customdata[1]}<extra></extra>" });
  const networks = [["searched", run.best], ["reference", run.reference]]
    .filter(([, one]) => one.predicted_latency_ms !== undefined);
  const traces = [
    marks(run.points.filter((point) => !point.front), "scored", { color: colour("--soft"), size: 6 }),
    marks(front, "front", { color: colour("--accent"), size: 8 }, "lines+markers"),
    ...networks.map(([name, one]) => marks([{ upper_ms: one.upper_latency_ms,
      latency_ms: one.measured_latency_ms ?? one.predicted_latency_ms,
      error: one.metrics?.[run.objective] }],
    `${name}, ${one.measured_latency_ms ? "measured" : "predicted"}`,
    { color: colour(name === "searched" ? "--good" : "--busy"), size: 13, symbol: "star" })),
  ];
  const axis = { gridcolor: colour("--line"), zeroline: false };
  Plotly.react(plot, traces, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { t: 20, r: 20 },
    font: { color: colour("--text") }, legend: { orientation: "h", y: 1.08 },
    xaxis: { ...axis, title: { text: "latency (ms)" } },
    yaxis: { ...axis, title: { text: run.objective } },
    shapes: [{ type: "line", x0: run.budget_ms, x1: run.budget_ms, yref: "paper", y0: 0, y1: 1,
      line: { color: colour("--bad"), dash: "dash" } }],
    annotations: [{ x: run.budget_ms, yref: "paper", y: 1, text: "budget", showarrow: false,
      xanchor: "right", font: { color: colour("--bad") } }],
  }, { responsive: true, displaylogo: false });
}

function plotly() {
  if (window.Plotly) return Promise.resolve();
  return new Promise((resolve, reject) => document.head.append(make("script", {
    src: "/static/plotly.min.js", onload: resolve,
    onerror: () => reject(new Error("the plot's script did not load")) })));
}
