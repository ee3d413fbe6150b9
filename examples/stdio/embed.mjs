// Runs a graph of `eddyline stdio` from Node: node embed.mjs PATH_TO_EDDYLINE
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** The server as a child process; `onEvent` is told every event of every subscription. */
class Server {
  #answers = new Map();
  #count = 0;

  constructor(path, onEvent) {
    this.child = spawn(path, ["stdio", "--memory"], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      const document = JSON.parse(line);
      if (document.type === "event") return onEvent(document);
      const answer = this.#answers.get(document.id);
      this.#answers.delete(document.id);
      if (document.type === "error") answer?.reject(new Error(`${document.error}: ${document.message}`));
      else answer?.resolve(document.result);
    });
  }

  ask(method, thread_id, params = {}) {
    const id = ++this.#count;
    this.child.stdin.write(JSON.stringify({ id, thread_id, method, params }) + "\n");
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
  }

  async stop() {
    this.child.stdin.end();
    const [code] = await once(this.child, "exit");
    return code;
  }
}

const thread = randomUUID();
let done;
const completed = new Promise((resolve) => (done = resolve));
const server = new Server(process.argv[2], (event) => {
  console.log(event.params.data.event);
  if (event.params.data.event === "completed") done();
});
await server.ask("subscription.subscribe", thread, { channels: ["lifecycle"] });
await server.ask("run.start", thread, { assistant_id: "agent", input: { topic: "cats" } });
await completed;
console.log((await server.ask("state.get", thread)).values.joke);
process.exitCode = await server.stop();
