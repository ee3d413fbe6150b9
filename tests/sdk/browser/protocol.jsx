// A chat in a page, by the streaming protocol. The query says where the server is, which assistant answers, on which thread
// and over which transport; what a reload has to know stands there, too.

import { useState } from "react";
import { createRoot } from "react-dom/client";
import { useStream } from "@langchain/react";

const query = new URLSearchParams(location.search);

function Chat() {
  const [threadId, setThreadId] = useState(query.get("thread"));
  const [draft, setDraft] = useState("");
  const stream = useStream({
    apiUrl: query.get("api"),
    assistantId: query.get("assistant"),
    transport: query.get("transport"),
    threadId,
    onThreadId: (id) => {
      query.set("thread", id);
      history.replaceState(null, "", `?${query}`);
      setThreadId(id);
    },
  });
  const send = (event) => {
    event.preventDefault();
    const pause_seconds = Number(query.get("pause") ?? 0);
    setDraft("");
    stream.submit({ messages: [{ type: "human", content: draft }] }, { config: { configurable: { pause_seconds } } });
  };
  return (
    <main>
      {stream.messages.map((message, index) => (
        <p key={message.id ?? index} className={message.getType()}>
          {message.text}
        </p>
      ))}
      {stream.toolCalls.map((call) => (
        <code key={call.id ?? call.callId}>{`${call.name} ${JSON.stringify(call.args ?? call.input)}`}</code>
      ))}
      {stream.interrupt ? (
        <button id="answer" onClick={() => stream.respond("yes")}>
          {String(stream.interrupt.value)}
        </button>
      ) : null}
      <button id="stop" onClick={() => stream.stop()}>
        Stop
      </button>
      <form onSubmit={send}>
        <input value={draft} onChange={(event) => setDraft(event.target.value)} />
        <button>Send</button>
      </form>
      <output>{stream.error ? String(stream.error) : stream.isLoading ? "busy" : "idle"}</output>
      <pre>{JSON.stringify(stream.values)}</pre>
    </main>
  );
}

createRoot(document.querySelector("#root")).render(<Chat />);
