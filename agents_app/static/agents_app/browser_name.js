/** What a user agent says of itself, as far as it can be believed. Pure. */

// The first that fits: most browsers name others that they are like, the rarer ones first in this list.
const BROWSERS = [
  [/\bEdg(?:e|A|iOS)?\/(\d+)/, "Edge"],
  [/\b(?:OPR|Opera)\/(\d+)/, "Opera"],
  [/\bVivaldi\/(\d+)/, "Vivaldi"],
  [/\bYaBrowser\/(\d+)/, "Yandex Browser"],
  [/\bSamsungBrowser\/(\d+)/, "Samsung Internet"],
  [/\bUCBrowser\/(\d+)/, "UC Browser"],
  [/\bDuckDuckGo\/(\d+)/, "DuckDuckGo"],
  [/\b(?:FBAN|FBAV|FB_IAB)\b/, "the Facebook app"],
  [/\bInstagram \d+/, "the Instagram app"],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, "Firefox"],
  [/\bHeadlessChrome\/(\d+)/, "Chrome (headless)"],
  [/\b(?:Chrome|CriOS|Chromium)\/(\d+)/, "Chrome"],
  [/\bVersion\/(\d+)[\d.]* (?:Mobile\/\S+ )?Safari\//, "Safari"],
];
const SYSTEMS = [
  [/\biPad\b/, "iPad"],
  [/\biPhone\b/, "iPhone"],
  [/\bAndroid (\d+)/, "Android"],
  [/\bAndroid\b/, "Android"],
  // Since Windows 10 and macOS 11 the number stands still: it would say what is not so.
  [/\bWindows NT 10\b/, "Windows"],
  [/\bWindows NT 6\.[123]\b/, "Windows 7 or 8"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bMac OS X\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];

/** Such as "Firefox 128 on Windows"; what it does not know, as it was written. */
export function browserName(userAgent) {
  const browser = firstOf(BROWSERS, userAgent);
  const system = firstOf(SYSTEMS, userAgent);
  if (!browser) return userAgent.trim();
  return system ? `${browser} on ${system}` : browser;
}

function firstOf(table, text) {
  for (const [pattern, name] of table) {
    const match = text.match(pattern);
    if (match) return match[1] ? `${name} ${match[1]}` : name;
  }
  return null;
}
