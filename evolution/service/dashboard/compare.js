// Runs beside each other: one column each, and their charts.
import { ask } from "/static/api.js";
import { chart, make, table } from "/static/parts.js";

const TITLES = { winners: "What the searches found", best: "Best within the budget",
  hypervolume: "Hypervolume of all that was scored" };

export async function compare(page, numbers) {
  const found = await ask(`/comparison?${numbers.map((number) => `run=${number}`).join("&")}`);
  const title = (row, place) => make("a", { href: `#/runs/${numbers[place]}` }, row.run);
  const columns = [["", (name) => name],
    ...found.rows.map((row, place) => [title(row, place), (name) => text(row[name]), true])];
  page.show("Comparison", make("h2", {}, `${found.rows.length} runs compared`),
    table(found.columns.filter((name) => name !== "run"), columns, ""),
    ...Object.entries(TITLES).flatMap(([name, said]) => [make("h3", {}, said),
      make("div", { class: "chart", id: name })]));
  await chart(page, found.figures);
}

function text(value) {
  if (value === null || value === undefined) return "unknown";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" && !Number.isInteger(value) ? value.toFixed(4) : String(value);
}
