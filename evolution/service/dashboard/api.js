// Asks the server: with the token of this tab, if there is one.
const PREFIX = "/api/v1";

export class Refused extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

function headers() {
  const token = sessionStorage.getItem("token");
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function checked(answer) {
  if (answer.ok) return answer;
  let detail = `status ${answer.status}`;
  try { detail = (await answer.json()).detail; } catch { /* it is no JSON */ }
  throw new Refused(answer.status, detail);
}

export async function ask(path, options = {}) {
  const content = options.body ? { "Content-Type": "application/json" } : {};
  const answer = await fetch(PREFIX + path, { ...options, headers: { ...headers(), ...content } });
  await checked(answer);
  return answer.status === 204 ? null : answer.json();
}

// Events of a job as they come; EventSource could not send the token.
export async function* follow(job, signal) {
  let last = 0;
  while (!signal.aborted) {
    try {
      const answer = await checked(await fetch(`${PREFIX}/jobs/${job}/events?after=${last}`,
        { headers: headers(), signal }));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const event = parse(block);
          if (!event) continue;
          last = event.id ?? last;
          yield event;
          if (event.event === "end") return;
        }
      }
    } catch (error) {
      if (error instanceof Refused || signal.aborted) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function parse(block) {
  const event = {};
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) event[line.slice(0, at)] = line.slice(at + 2);
  }
  if (!event.event) return null;
  return { event: event.event, id: event.id && Number(event.id), data: JSON.parse(event.data) };
}

// Opens a file in a tab of its own, under an address that is good for five minutes.
export async function open(artifact) {
  const tab = window.open("about:blank", "_blank");
  try {
    const { url } = await ask(`/artifacts/${artifact}/ticket`, { method: "POST" });
    tab.opener = null;
    tab.location = url;
  } catch (error) { tab.close(); throw error; }
}
