import assert from "node:assert/strict";
import { test } from "node:test";
import { bundleAll } from "../build.js";
import { chooseLocale, ENGLISH, Texts } from "../src/texts.js";

const LANGUAGES = ["ar", "de", "es", "fr", "ja", "pt", "zh"];
// Enough for every plural form that counts of messages, characters and places in a queue can take.
const COUNTS = Array.from({ length: 201 }, (_, count) => count);

const { parts } = await bundleAll();
const moduleOf = (name) =>
  import(`data:text/javascript;base64,${Buffer.from(parts[name].text).toString("base64")}`);
const modules = Object.fromEntries(
  await Promise.all(Object.keys(parts).map(async (name) => [name, await moduleOf(name)])),
);
const english = Object.assign({ ...ENGLISH }, ...Object.values(modules).map(({ texts }) => texts));

const formsOf = (text) => (typeof text === "object" ? text : { other: text });
const placeholdersIn = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test("there is a part for each language", () => {
  const found = Object.keys(parts).filter((name) => name.startsWith("locale_"));
  assert.deepEqual(
    found,
    LANGUAGES.map((language) => `locale_${language}`),
  );
});

for (const language of LANGUAGES) {
  const { words } = modules[`locale_${language}`];

  test(`${language}: every text is there, and none that nobody asks for`, () => {
    assert.deepEqual(Object.keys(words).sort(), Object.keys(english).sort());
    assert.deepEqual([words.lang, words.dir], [language, language === "ar" ? "rtl" : "ltr"]);
  });

  test(`${language}: each text has the placeholders of the English one, and every plural form`, () => {
    const plural = new Intl.PluralRules(language);
    for (const [name, text] of Object.entries(english)) {
      const wanted = placeholdersIn(formsOf(text).other);
      assert.equal(typeof words[name], typeof text, name);
      for (const [form, written] of Object.entries(formsOf(words[name]))) {
        assert.ok(written.trim(), name);
        // "One" and "two" can do without the number.
        const has = placeholdersIn(written);
        assert.deepEqual(["zero", "one", "two"].includes(form) && !has.length ? wanted : has, wanted, name);
      }
      if (typeof text === "object")
        for (const count of COUNTS) assert.ok(words[name][plural.select(count)], `${name}: ${count}`);
    }
  });
}

test("the words of a language stand over English, and the site's own over both", () => {
  const texts = new Texts();
  texts.speak("de", { send: "Senden", endChat: "Chat beenden" });
  texts.override({ endChat: "Tschüss" });
  const names = ["send", "endChat", "message"];
  assert.deepEqual(
    names.map((name) => texts.get(name)),
    ["Senden", "Tschüss", "Message"],
  );
  texts.speak("en");
  assert.equal(texts.get("send"), "Send");
});

test("counts take the plural form of the language", () => {
  const texts = new Texts();
  texts.speak("ar", modules.locale_ar.words);
  const said = [1, 2, 3, 11, 100].map((count) => texts.get("unread", { count }));
  assert.deepEqual(said, [
    "رسالة جديدة واحدة",
    "رسالتان جديدتان",
    "3 رسائل جديدة",
    "11 رسالة جديدة",
    "100 رسالة جديدة",
  ]);
});

test("a locale that no browser knows leaves everything as it was", () => {
  const texts = new Texts();
  assert.throws(() => texts.speak("es-1", { send: "Enviar" }), RangeError);
  assert.deepEqual([texts.get("send"), texts.locale], ["Send", "en"]);
});

test("what the site or its tenant wished is the locale", () => {
  const hasWords = (tag) => /^(en|es|ar)/.test(tag);
  const chosen = (wished, ...theirs) => chooseLocale(wished, theirs, hasWords);
  assert.equal(chosen("es", "de-DE", "en"), "es");
  assert.equal(chosen("sv", "de-DE"), "sv");
  // English where nothing is wished, the way the visitor's country has it.
  assert.equal(chosen(undefined, "de-DE", "en-GB"), "en-GB");
  assert.equal(chosen("es", "de-DE", "es-MX"), "es-MX");
  assert.equal(chosen("es-ES", "es-MX"), "es-ES");
  // The visitor's own, as far as there are words for it.
  assert.equal(chosen("auto", "sv-SE", "es-MX", "en"), "es-MX");
  assert.equal(chosen("auto", "en-GB", "es"), "en-GB");
  assert.equal(chosen("auto", "sv-SE"), "en");
});
