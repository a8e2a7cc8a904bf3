// Text of a trace is anybody's: what cannot be seen, or turns around what stands beside it, is shown.

const CONTROL = "\\u0000-\\u001f\\u007f-\\u009f";
const DIRECTION = "\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff";
const HIDDEN = new RegExp(`[${CONTROL}${DIRECTION}]|[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]`, "g");

/** The text with control characters as pictures (␀, ␛) and invisible ones by number (⟨U+202E⟩). */
export function visible(text: string): string {
  return text.replace(HIDDEN, (found) => {
    const code = found.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}
