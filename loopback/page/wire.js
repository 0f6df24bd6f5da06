// The connection to the server: acts with their answers, frames of what changed, and coming back after a drop.

const WRONG_KEY = 4001;
const AGAIN_MS = [250, 500, 1000, 2000, 4000];

export class Wire {
  #socket = null;
  #number = 0;
  #open = new Map();
  #drops = 0;
  #person = "";
  /** When the page was opened, in the server's time: of what only one person sees it gets what came later. */
  since = null;

  /** `onframe` gets each frame; `onstate` "open", "lost" or, for good, "refused". */
  constructor(onframe, onstate) {
    this.onframe = onframe;
    this.onstate = onstate;
  }

  /** Connect as a person, leaving what was. */
  connect(person) {
    this.#person = person;
    this.#drops = 0;
    this.#end();
    this.#begin();
  }

  /** Do something; resolves with the answer, rejects with an Error in words. */
  ask(act, fields = {}) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("Not connected."));
    this.#number += 1;
    const n = this.#number;
    this.#socket.send(JSON.stringify({ n, act, ...fields }));
    return new Promise((done, wrong) => this.#open.set(n, { done, wrong }));
  }

  #begin() {
    const query = new URLSearchParams({ key: new URLSearchParams(location.search).get("key") ?? "" });
    if (this.#person) query.set("person", this.#person);
    if (this.since !== null) query.set("since", this.since);
    const socket = new WebSocket(`ws://${location.host}/page/socket?${query}`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#drops = 0;
      this.onstate("open");
    };
    socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      this.#end();
      this.onstate(code === WRONG_KEY ? "refused" : "lost");
      if (code === WRONG_KEY) return;
      const wait = AGAIN_MS[Math.min(this.#drops, AGAIN_MS.length - 1)];
      this.#drops += 1;
      setTimeout(() => this.#socket === null && this.#begin(), wait);
    };
  }

  #end() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    for (const { wrong } of this.#open.values()) wrong(new Error("The connection was lost."));
    this.#open.clear();
  }

  #take(frame) {
    if (frame.n === undefined) {
      this.onframe(frame);
      return;
    }
    const waiting = this.#open.get(frame.n);
    this.#open.delete(frame.n);
    if (frame.wrong !== undefined) waiting?.wrong(new Error(frame.wrong));
    else waiting?.done(frame.done);
  }
}
