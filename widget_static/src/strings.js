/** Everything the visitor reads, in English; functions where a value stands in the sentence. */
export const STRINGS = {
  openChat: "Open chat",
  closeChat: "Close chat",
  unread: (count) => (count === 1 ? "1 new message" : `${count} new messages`),

  title: "Chat with us",
  subtitle: "We usually reply within a few minutes",
  conversation: "Conversation",

  connecting: "Connecting…",
  connected: "Connected",
  notConnected: "Not connected",
  reconnecting: "Reconnecting… Messages are kept",
  offline: "You are offline. Messages are kept",
  inQueue: (position) => (position === 1 ? "You are next in line" : `You are number ${position} in line`),
  withAgent: (name) => `You are chatting with ${name}`,
  chatEnded: "Chat ended",

  restored: "Your chat has been restored",
  today: "Today",
  yesterday: "Yesterday",
  sending: "Sending…",
  sent: "Sent",
  notSent: "Not sent",
  retry: "Retry",

  message: "Message",
  placeholder: "Write a message…",
  send: "Send",
  charactersLeft: (count) => (count === 1 ? "1 character left" : `${count} characters left`),
  charactersOver: (count) => (count === 1 ? "1 character too many" : `${count} characters too many`),

  endChat: "End Chat",
  endQuestion: "End this chat?",
  endExplained: "The conversation will be closed. You can start a new one at any time.",
  keepChatting: "Keep chatting",
  ending: "Ending…",
  endFailed: "The chat could not be ended. Please check your connection and try again.",

  over: {
    visitor: "You ended this chat. Thank you!",
    agent: "The agent has ended this chat.",
    admin: "This chat has been closed.",
    idle: "This chat was closed because nobody wrote for a while.",
    disconnected: "This chat was closed because the connection was lost for too long.",
    not_found: "This chat is no longer available.",
  },
  overOtherwise: "This chat has ended.",
  startNew: "Start a new chat",

  // Each with the button that goes on from there.
  trouble: {
    unavailable: ["Chat is not available right now.", "Try again"],
    replaced: ["This chat is open in many other tabs.", "Continue here"],
  },
};
