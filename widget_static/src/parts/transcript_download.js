export const texts = {
  you: "You",
  transcriptOf: "Transcript of chat {id}",
  transcriptFailed: "The transcript could not be loaded. Please check your connection and try again.",
};

const PAGE = 100;

/** use() saves what was said, as the server has it, as a plain text. Resolves when it is done or has failed. */
export function create({ chat, api, element, texts, warn, wordsOf }) {
  async function use() {
    const { shown } = chat;
    warn("");
    try {
      save(element, nameOf(shown), transcriptOf(shown, await allMessages(api, shown), texts, wordsOf));
    } catch {
      warn(texts.get("transcriptFailed"));
    }
  }
  return { use };
}

async function allMessages(api, { session_id, session_key }) {
  const headers = { "X-Session-Key": session_key };
  const all = [];
  for (let page = null; page === null || page.has_more;) {
    const after = all.length ? all[all.length - 1].seq : 0;
    page = await api.call(`session/${session_id}?after=${after}&limit=${PAGE}`, { headers });
    all.push(...page.messages);
  }
  return all;
}

/** Each message with its time and author. */
export function transcriptOf({ conversation_id }, messages, texts, wordsOf) {
  const lines = messages.map((message) => {
    const at = new Date(message.created_at).toLocaleString(texts.locale, {
      dateStyle: "medium",
      timeStyle: "short",
    });
    const isVisitor = message.sender_type === "visitor";
    const who = isVisitor ? texts.get("you") : message.sender_name;
    // Further lines are set in: nobody can write one that looks like another message.
    const text = wordsOf(message, texts).replace(/\r\n?|[\n\u2028\u2029\u0085]/g, "\n    ");
    return `[${at}] ${who ? `${who}: ` : ""}${text}`;
  });
  return [texts.get("transcriptOf", { id: conversation_id }), "", ...lines, ""].join("\n");
}

function nameOf({ conversation_id }) {
  return `chat-${String(conversation_id).replace(/[^\w-]/g, "")}.txt`;
}

function save(element, name, text) {
  const href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  element("a", { href, download: name }).click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
