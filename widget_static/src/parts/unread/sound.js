const CLAIMED_MS = 3000;
const WAITS_MS = 200;
const TOO_LATE_MS = 2000;

/** A sound for what an agent writes and nobody sees coming; in one tab, and only if the visitor has not muted it. */
export function addSound({ chat, sound, seen }) {
  async function onMessage({ session_id, seq, sender_type, cameAt }) {
    if (sender_type !== "agent" || !chat.unread) return;
    // Another tab may show it: it says so in a moment.
    await new Promise((resolve) => setTimeout(resolve, WAITS_MS));
    if (!chat.unread || !sound.isReady || sound.isMuted || Date.now() - cameAt > TOO_LATE_MS) return;
    if (await claim(`cc_chat_sound:${session_id}:${seq}`)) ring(sound.context);
  }

  chat.addEventListener("message", ({ detail }) => onMessage({ ...detail, cameAt: Date.now() }));
  // The first one, for which this was loaded.
  if (seen.latest) onMessage(seen.latest);
}

// Whether no other tab has claimed it; on http pages, where there are no locks, each tab is for itself.
async function claim(key) {
  if (!navigator.locks) return true;
  return new Promise((resolve) => {
    const hold = (lock) => {
      resolve(lock !== null);
      return lock && new Promise((release) => setTimeout(release, CLAIMED_MS));
    };
    navigator.locks.request(key, { ifAvailable: true }, hold).catch(() => resolve(true));
  });
}

// Two short tones.
async function ring(context) {
  try {
    await context.resume();
    tone(context, 880, context.currentTime);
    const last = tone(context, 1175, context.currentTime + 0.12);
    last.onended = () => context.suspend();
  } catch {
    // The browser has closed it: silence.
  }
}

function tone(context, frequency, at) {
  const oscillator = context.createOscillator();
  const volume = context.createGain();
  oscillator.frequency.value = frequency;
  volume.gain.setValueAtTime(0.0001, at);
  volume.gain.exponentialRampToValueAtTime(0.12, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.3);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.32);
  return oscillator;
}
