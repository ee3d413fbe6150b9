// A chat in a page, as a frontend would write it. The query says where the server is, which assistant answers, and on which
// thread; what a reload has to know stands there, too.

import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { useStream } from "@langchain/langgraph-sdk/react";

const query = new URLSearchParams(location.search);

function textOf({ content }) {
  return typeof content === "string" ? content : content.map(({ text }) => text ?? "").join("");
}

function Chat() {
  const [threadId, setThreadId] = useState(query.get("thread"));
  const [draft, setDraft] = useState("");
  const stream = useStream({
    apiUrl: query.get("api"),
    assistantId: query.get("assistant"),
    threadId,
    onThreadId: (id) => {
      query.set("thread", id);
      history.replaceState(null, "", `?${query}`);
      setThreadId(id);
    },
    reconnectOnMount: true,
    fetchStateHistory: true,
  });
  const send = (event) => {
    event.preventDefault();
    const pause_seconds = Number(query.get("pause") ?? 0);
    const message = { type: "human", content: draft };
    setDraft("");
    stream.submit({ messages: [message] }, { config: { configurable: { pause_seconds } }, streamResumable: true });
  };
  const answer = () => stream.submit(undefined, { command: { resume: "yes" } });
  return (
    <main>
      {stream.messages.map((message, index) => (
        <p key={message.id ?? index} className={message.type}>
          {textOf(message)}
        </p>
      ))}
      {stream.interrupt ? (
        <button id="answer" onClick={answer}>
          {String(stream.interrupt.value)}
        </button>
      ) : null}
      <form onSubmit={send}>
        <input value={draft} onChange={(event) => setDraft(event.target.value)} />
        <button>Send</button>
      </form>
      <output>{stream.error ? String(stream.error) : stream.isLoading ? "busy" : "idle"}</output>
      <pre>{JSON.stringify(stream.values)}</pre>
    </main>
  );
}

createRoot(document.querySelector("#root")).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
);
