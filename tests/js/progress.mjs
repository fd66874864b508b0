// node progress.mjs URL TRANSPORT SESSION [TOKEN]: what socket.io's own client is told of a session, as lines of JSON.
// A line on standard input, {event, data}, is emitted, and what acknowledges it told as the event "ack".
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, transport, session, token] = process.argv.slice(2);
const say = (event, data) => console.log(JSON.stringify({ event, data }));
const socket = io(url, { transports: [transport], auth: token ? { token } : {}, reconnectionDelay: 50 });
socket.onAny((event, data) => say(event, data));
socket.on("connect", () => {
  say("transport", socket.io.engine.transport.name);
  if (session) socket.emit("subscribe_session", { sessionId: session }, (data) => say("ack", data));
});
socket.on("connect_error", (error) => say("connect_error", error.message));
socket.on("disconnect", (reason) => say("disconnect", reason));
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { event, data } = JSON.parse(line);
  socket.emit(event, data, (answer) => say("ack", answer));
});
lines.on("close", () => socket.close());
