// Devices, and tables with where they come from.
import { ask } from "/static/api.js";
import { ago, facts, make, sure, table } from "/static/parts.js";

// What the device's worker objects to, the worst first; in full where it is pointed at.
function health(device) {
  const found = device.info.findings ?? [];
  const named = [["bad", "bad"], ["warn", "doubtful"]].map(([state, word]) => {
    const checks = found.filter((one) => one.state === state).map((one) => one.check);
    return checks.length ? `${word}: ${checks.join(", ")}` : "";
  }).filter((text) => text);
  return make("span", { title: found.map((one) => `${one.check}: ${one.found}`).join("\n") },
    make("span", { class: `state ${device.alive ? "alive" : "silent"}` },
      device.alive ? "reports" : "silent"), ...named.map((text) => `; ${text}`));
}

const DEVICES = [
  ["Device", (device) => `${device.machine}/${device.name}`], ["Target", (device) => device.target],
  ["Health", health],
  ["Seen", (device) => ago(device.seen_at_s)],
  ["Runs", (device) => device.job_id
    && make("a", { href: `#/jobs/${device.job_id}` }, `job ${device.job_id}`)],
  ["Leases", (device) => device.fence, true], ["What it is", (device) => device.info.title],
  ["Cores", (device) => device.info.cores, true],
  ["Memory (GB)", (device) => device.info.memory_gb, true],
];

export async function devices(page) {
  const place = make("div");
  page.show("Devices", make("h2", {}, "Devices"), place);
  await page.every(3000, async () => place.replaceChildren(
    table(await ask("/devices"), DEVICES, "No worker registered a device yet.")));
}

const TABLES = [
  ["Table", (item) => make("a", { href: `#/tables/${item.id}` }, item.key)],
  ["Target", (item) => item.target],
  ["From", (item) => item.origin === "job"
    ? make("a", { href: `#/jobs/${item.job_id}` }, `job ${item.job_id}`) : `upload by ${item.user}`],
  ["Measured", (item) => item.info.created?.slice(0, 10)],
  ["Operators", (item) => item.info.rows, true], ["Networks", (item) => item.info.networks, true],
  ["Drift", (item) => item.info.drift?.verdict],
  ["Noise", (item) => item.info.noise === undefined ? null
    : `${(100 * item.info.noise).toFixed(1)} %`, true],
];

export async function tables(page) {
  const [measured, fitted] = await Promise.all([ask("/tables"), ask("/predictors")]);
  page.show("Tables", make("h2", {}, "Tables"), table(measured, TABLES, "There is no table yet."),
    make("h3", {}, "Predictors"), table(fitted, [
      ["Predictor", (item) => `${item.id}`], ["Of table", (item) => make("a",
        { href: `#/tables/${item.info.table}` }, item.key)], ["Target", (item) => item.target],
      ["Method", (item) => item.info.method],
      ["Error", (item) => item.info.quality
        && `${(100 * item.info.quality.mape).toFixed(1)} %`, true],
    ], "None was fitted yet."));
}

export async function oneTable(page, number) {
  const item = await ask(`/tables/${number}`);
  // Tables that a job measured go with its files.
  const uploaded = item.origin === "upload" && !item.removed_at_s;
  page.show(`Table ${number}`, make("h2", {}, item.key), facts({ Target: item.target,
    From: item.origin, User: item.user, Job: item.job_id,
    Removed: ago(item.removed_at_s) }), ...(uploaded ? [make("p", {}, sure("Remove this upload",
    "Remove for good?", () => page.attempt(async () => {
      await ask(`/tables/${number}`, { method: "DELETE" });
      await oneTable(page, number);
    })))] : []), make("h3", {}, "Provenance"),
  facts(item.info), make("h3", {}, "Files"), table(item.files, [
    ["File", (file) => file.path], ["Bytes", (file) => file.size_bytes.toLocaleString(), true],
    ["SHA-256", (file) => file.sha256]], "It has none."));
}
