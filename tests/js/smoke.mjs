// node smoke.mjs URL: what Microsoft's own client makes of a hub, as one line of JSON.
import * as signalr from "@microsoft/signalr";

const connection = new signalr.HubConnectionBuilder()
  .withUrl(process.argv[2])
  .withAutomaticReconnect([0, 100, 200, 400, 800])
  .configureLogging(signalr.LogLevel.None)
  .build();

const tasks = [];
let waiting = null;
connection.on("TaskHub", (message) => {
  tasks.push(...message.tasks.map((task) => task.id));
  waiting?.();
});

function tasksReach(count) {
  return new Promise((resolve) => {
    waiting = () => tasks.length >= count && resolve();
    waiting();
  });
}

const result = {};
await connection.start();
await tasksReach(3);
result.tasks = tasks.slice(0, 3);

result.echo = await connection.invoke("Echo", { list: [1, "två", null] });
result.sum = await connection.invoke("Add", 2, 3);
result.error = await connection.invoke("Fail", "boom").catch((error) => error.message);
result.unknown = await connection.invoke("NoSuchMethod").catch((error) => error.message);

result.items = [];
await new Promise((resolve, reject) =>
  connection.stream("Counter", 3, 1).subscribe({
    next: (item) => result.items.push(item),
    complete: resolve,
    error: reject,
  }),
);

await new Promise((resolve) => {
  const endless = connection.stream("Counter", 1000000, 1).subscribe({
    next: (item) => {
      if (item === 2) {
        endless.dispose();
        resolve();
      }
    },
    complete: () => {},
    error: () => {},
  });
});

await connection.invoke("CompleteTask", result.tasks[0]);
const seen = tasks.length;
const reconnected = new Promise((resolve) => connection.onreconnected(resolve));
connection.send("Abort").catch(() => {});
await reconnected;
await tasksReach(seen + 2);
result.again = tasks.slice(seen, seen + 2);
await connection.stop();
console.log(JSON.stringify(result));
