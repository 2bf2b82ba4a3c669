// Types of `CallCenterChat`, the chat widget's interface for websites; described in docs/widget.md.

export interface ChatOptions {
  /** The tenant's slug; required, here or in the script's `data-tenant-id`. */
  tenantId?: string;
  /** Where the chat center is; without it, where the script came from. */
  apiUrl?: string;
  position?: "bottom-right" | "bottom-left";
  /** Any CSS colour. */
  primaryColor?: string;
  title?: string;
  subtitle?: string;
  welcomeMessage?: string;
  /** In milliseconds; the server's limit wins over a longer one. */
  sessionExpiry?: number;
  /** In milliseconds, at least 10,000. */
  heartbeatInterval?: number;
  autoRestore?: boolean;
  /** False: nothing is written to the console. */
  debug?: boolean;
  /** The language: a BCP 47 tag such as `es` or `pt-BR`; `auto` is the visitor's own. */
  locale?: string;
  zIndex?: number;
  /** The element that the widget is put into, or a selector of it. */
  container?: Element | string;
  /** False: no bubble; the page opens the chat itself. */
  launcher?: boolean;
  /** False: what was said is not kept in the browser. */
  persistMessages?: boolean;
  theme?: "auto" | "light" | "dark";
  /** Own words, by the names in `widget_static/src/texts.js`; `{name}` stands for a value. */
  strings?: Record<string, string | { one?: string; other: string }>;
  /** For browsers without constructed style sheets, under a policy that asks for one. */
  nonce?: string;
}

export interface ChatVisitor {
  name?: string;
  email?: string;
}

export interface ChatMessage {
  seq: number;
  senderType: "visitor" | "agent" | "system";
  senderName: string;
  messageType: "text" | "system" | "file";
  body: string;
  /** ISO 8601. */
  createdAt: string;
}

interface SessionIds {
  sessionId: string | null | undefined;
  conversationId?: string;
}

export interface ChatEvents {
  ready: { version: string };
  open: Record<string, never>;
  close: Record<string, never>;
  message: ChatMessage;
  unread: { count: number };
  "session:start": SessionIds;
  "session:restored": SessionIds;
  "session:expired": SessionIds & { outcome: "expired" | "abandoned" | "not_found" | "network" | "storage" };
  "session:ended": SessionIds & { status: "ended" | "abandoned"; reason?: string; endedBy?: string | null };
  "connection:online": Record<string, never>;
  "connection:offline": Record<string, never>;
  error: { code: string };
}

export interface ChatState {
  /** Whether init has been called; everything else is there from then on. */
  isReady: boolean;
  isOpen?: boolean;
  isVisible?: boolean;
  phase?: "idle" | "restoring" | "starting" | "live" | "over";
  isOnline?: boolean;
  unread?: number;
  sessionId?: string;
  conversationId?: string;
  agentName?: string | null;
  queuePosition?: number | null;
}

export interface ChatWidget {
  init(options?: ChatOptions): void;
  open(): void;
  close(): void;
  toggle(): void;
  show(): void;
  hide(): void;
  update(options: ChatOptions): void;
  identify(visitor: ChatVisitor): void;
  /** False when there is nothing to send, or too much. */
  send(text: string): boolean | undefined;
  /** Resolves to whether the chat has ended. */
  end(): Promise<boolean>;
  on<Name extends keyof ChatEvents>(name: Name, handler: (detail: ChatEvents[Name]) => void): void;
  off<Name extends keyof ChatEvents>(name: Name, handler?: (detail: ChatEvents[Name]) => void): void;
  shutdown(): void;
  getState(): ChatState;
  readonly version: string;
}

type ChatDomEvents = {
  [Name in keyof ChatEvents as `callcenterchat:${Name}`]: CustomEvent<ChatEvents[Name]>;
};

declare global {
  interface Window {
    CallCenterChat: ChatWidget;
  }
  interface WindowEventMap extends ChatDomEvents {}
  const CallCenterChat: ChatWidget;
}
