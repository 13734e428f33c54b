// The plane of latency and error: pointed at, walked through by keys, clicked.
import { plotly } from "/static/parts.js";

export class Plot {
  // show is told of the architecture that is looked at, choose of the one that is taken.
  constructor(run, front, show, choose) {
    this.run = run;
    this.front = front;
    this.all = [...run.points].sort((one, other) => one.latency_ms - other.latency_ms);
    this.show = show;
    this.choose = choose;
    this.current = null;
    this.element = document.createElement("div");
    this.element.className = "plot";
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "application");
    this.element.setAttribute("aria-label", "Latency and error of every scored architecture");
    this.element.setAttribute("aria-describedby", "plot-help");
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focus", () => this.current || this.look(front[0]));
  }

  async draw(signal) {
    await plotly();
    if (signal.aborted) return;
    const draw = () => Plotly.react(this.element, this.traces(), this.layout(),
      { responsive: true, displaylogo: false, displayModeBar: false });
    draw();
    this.element.on("plotly_hover", ({ points }) => {
      const point = this.of(points[0]);
      if (point) { this.current = point; this.show(point); }
    });
    this.element.on("plotly_click", ({ points }) => {
      const point = this.of(points[0]);
      if (point) this.choose(point);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw, { signal });
  }

  of(marked) {
    return this.run.points.find((point) => point.number === marked.customdata?.[0]);
  }

  key(event) {
    const [list, step] = { ArrowLeft: [this.all, -1], ArrowRight: [this.all, 1],
      ArrowUp: [this.front, -1], ArrowDown: [this.front, 1] }[event.key] ?? [];
    if (event.key === "Enter" && this.current) this.choose(this.current);
    else if (event.key === "Home") this.look(this.all[0]);
    else if (event.key === "End") this.look(this.all.at(-1));
    else if (list?.length) {
      const here = list.indexOf(this.current);
      // From beside the front, to the next on it.
      const next = here >= 0 || !this.current ? here + step
        : list.filter((one) => one.latency_ms < this.current.latency_ms).length - (step < 0);
      this.look(list[Math.min(list.length - 1, Math.max(0, next))]);
    } else return;
    event.preventDefault();
  }

  look(point) {
    if (!point) return;
    this.current = point;
    this.show(point);
    for (const [curveNumber, trace] of (this.element.data ?? []).entries()) {
      const pointNumber = trace.customdata?.findIndex(([number]) => number === point.number) ?? -1;
      if (pointNumber >= 0) {
        Plotly.Fx.hover(this.element, [{ curveNumber, pointNumber }]);
        return;
      }
    }
  }

  traces() {
    const { run } = this;
    const marks = (items, name, marker, mode = "markers") => ({ name, mode, type: "scatter", marker,
      x: items.map((item) => item.latency_ms), y: items.map((item) => item.error),
      customdata: items.map((item) => [item.number, item.upper_ms]),
      line: { color: marker.color, shape: "hv" },
      hovertemplate: `%{x:.2f} ms, at most %{customdata[1]:.2f}<br>${run.objective} %{y:.4f}`
        + "<extra></extra>" });
    const networks = [["searched", run.best, run.winner], ["reference", run.reference, null]]
      .map(([name, one, number]) => marks([{ number, upper_ms: one.upper_latency_ms,
        latency_ms: one.measured_latency_ms ?? one.predicted_latency_ms,
        error: one.metrics?.[run.objective] }],
      `${name}, ${one.measured_latency_ms ? "measured" : "predicted"}`,
      { color: colour(name === "searched" ? "--good" : "--busy"), size: 14, symbol: "star" }));
    return [
      marks(run.points.filter((point) => !point.front), "scored",
        { color: colour("--soft"), size: 7 }),
      marks(this.front, "front", { color: colour("--accent"), size: 9 }, "lines+markers"),
      ...networks,
    ];
  }

  layout() {
    const { budget_ms, budget_at_table_ms } = this.run, color = colour("--bad");
    // Predictions are at the table's level, and the budget at the machine's.
    const apart = Math.abs(budget_at_table_ms / budget_ms - 1) > 0.005;
    const limits = [["budget", budget_ms, 1, "dash"],
      ...(apart ? [["for predictions", budget_at_table_ms, 0.94, "dot"]] : [])];
    return themed({
      margin: { t: 20, r: 20 }, legend: { orientation: "h", y: 1.08 }, hovermode: "closest",
      xaxis: { zeroline: false, title: { text: "latency (ms)" } },
      yaxis: { zeroline: false, title: { text: this.run.objective } },
      shapes: limits.map(([, x, y1, dash]) => ({ type: "line", x0: x, x1: x, yref: "paper", y0: 0,
        y1, line: { color, dash } })),
      annotations: limits.map(([text, x, y]) => ({ x, yref: "paper", y, text, showarrow: false,
        xanchor: "right", font: { color } })),
    });
  }
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
