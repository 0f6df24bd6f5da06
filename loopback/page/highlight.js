// Colours for code without a grammar: comments, strings, numbers, keywords, calls.

const WORDS = new Set(
  `abstract and as assert async await boolean break case catch class const constexpr continue crate def default defer del
  do elif else end enum except export extends false final finally fn for from func function global go if impl implements
  import in int interface is lambda let loop match mod module mut namespace new nil none None not null of or package pass
  private protected pub public raise return self static str string struct super switch then this throw trait true True
  False try type typeof union unless unsafe until use using var void when where while with yield
  SELECT FROM WHERE INSERT UPDATE DELETE JOIN ON GROUP BY ORDER LIMIT AND OR NOT NULL INTO VALUES SET CREATE TABLE`.split(/\s+/),
);
const HASHED = new Set(["py", "python", "sh", "bash", "shell", "zsh", "console", "rb", "ruby", "yaml", "yml", "toml", "ini", "r", "perl", "make", "makefile", "dockerfile", "nix", "ex", "elixir", ""]);
const DASHED = new Set(["sql", "lua", "hs", "haskell", "ada", "elm"]);
const PLAIN = new Set(["", "text", "txt", "plain", "plaintext", "log", "md", "markdown", "ansi"]);

function pattern(language) {
  const comment = HASHED.has(language) ? "#.*" : DASHED.has(language) ? "--.*" : "//.*|/\\*[\\s\\S]*?(?:\\*/|$)";
  return new RegExp(
    `(?<comment>${comment})` +
      "|(?<string>\"\"\"[\\s\\S]*?(?:\"\"\"|$)|\"(?:\\\\.|[^\"\\\\\\n])*\"?|'(?:\\\\.|[^'\\\\\\n])*'|`(?:\\\\.|[^`\\\\])*`?)" +
      "|(?<number>\\b\\d[\\w.]*)" +
      "|(?<word>[A-Za-z_$][\\w$]*)(?<call>(?=\\())?",
    "g",
  );
}

function* pieces(text, language) {
  let done = 0;
  for (const found of text.matchAll(pattern(language))) {
    const { comment, string, number, word, call } = found.groups;
    let kind = comment ? "comment" : string ? "string" : number ? "number" : "";
    if (word !== undefined) kind = WORDS.has(word) ? "keyword" : call !== undefined ? "call" : "";
    if (!kind) continue;
    yield ["", text.slice(done, found.index)];
    yield [kind, found[0]];
    done = found.index + found[0].length;
  }
  yield ["", text.slice(done)];
}

/** Each line is an element of its own, so that none hangs on the line before it. */
function* changes(text) {
  for (const line of text.split(/(?<=\n)/)) {
    yield [/^(@@|---|\+\+\+|diff --git|index )/.test(line) ? "hunk" : line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "context", line];
  }
}

/** Colour one `<code>` by its `data-language`. */
export function highlight(code) {
  const language = (code.dataset.language ?? "").toLowerCase();
  if (PLAIN.has(language)) return;
  const found = language === "diff" || language === "patch" ? changes(code.textContent) : pieces(code.textContent, language);
  const parts = [];
  for (const [kind, text] of found) {
    if (!text) continue;
    if (!kind) {
      parts.push(text);
      continue;
    }
    const span = document.createElement("span");
    span.className = `hl-${kind}`;
    span.textContent = text;
    parts.push(span);
  }
  code.replaceChildren(...parts);
}
