/** What can go wrong with a request, in words for the person in front of the page. */

const WORDS = {
  400: ["The server does not understand this", "The page and the server may differ in version; reload the page."],
  401: ["An API key is needed", "This server reads for callers with a key."],
  408: ["The file came too slowly", "The connection may be slow; a smaller file helps."],
  413: ["The file is too large", "A smaller copy will do: text needs no more than about 20 pixels of height."],
  422: ["The server cannot read this", "The file may be damaged, or of a kind that is not read, or an option does not fit. It says:"],
  429: ["The server is busy", "More requests arrived than it can take right now."],
  502: ["The reader failed on this", "Trying again may help; its log has the details."],
  503: ["The reader is not there", "The server is up, but what reads the text is starting or away."],
  504: ["This took too long", "The server gave up. A smaller file, or trying again later, may help."],
};
// The last one is a part of the server's sentence.
const PASSWORDS = [
  ["This PDF needs its password", "It is encrypted. The password goes to this server, and is not kept.", "is encrypted; give its password"],
  ["The password does not fit", "The PDF is encrypted by another one.", "password is another one"],
];
const PAGE = 200; // a page's error comes within an answer that is sound
const OTHER = ["Something went wrong", "The server could not answer this request."];

export class Problem extends Error {
  /**
   * @param {string} title
   * @param {string} advice
   * @param {{status?: number, said?: string, requestId?: string, retryAfter?: number}} details
   */
  constructor(title, advice, { status = 0, said = "", requestId = "", retryAfter = 0 } = {}) {
    super(title);
    Object.assign(this, { title, advice, status, said, requestId, retryAfter });
  }

  /** Of an answer that is no 200: `application/problem+json` where the server could still write one. */
  static of(status, text, header) {
    const body = parsed(text);
    const said = body.detail || body.title || "";
    const [title, advice] = PASSWORDS.find(([, , words]) => said.includes(words)) ?? WORDS[status] ?? OTHER;
    return new Problem(title, advice, {
      status,
      said,
      requestId: header("x-request-id") || body.requestId || "",
      retryAfter: Number(header("retry-after")) || 0,
    });
  }

  /** Of one page of a document, in the server's words. */
  static ofPage(number, said) {
    return new Problem(`Page ${number} was not read`, "The other pages are not affected. The server says:", { said, status: PAGE });
  }

  static away() {
    return new Problem("The server cannot be reached", "It may have stopped, or the network is down.");
  }

  static cancelled() {
    return new Problem("Cancelled", "Nothing was read.");
  }

  static tooLarge(file, limit) {
    const said = `${megabytes(file.size)} MB; at most ${megabytes(limit)} MB are taken`;
    return new Problem(WORDS[413][0], WORDS[413][1], { status: 413, said });
  }

  /** Whether a password would open the document. */
  get wantsPassword() {
    return PASSWORDS.some(([, , words]) => this.said.includes(words));
  }

  /** Whether it is about one page alone. */
  get isOfPage() {
    return this.status === PAGE;
  }

  /** Whether the same request may succeed later. */
  get isPassing() {
    return [0, 408, 429, 500, 502, 503, 504].includes(this.status);
  }
}

/** Rounded down, so that what is promised is also taken. */
export const megabytes = (bytes) => (bytes < 1e7 ? Math.floor(bytes / 1e5) / 10 : Math.floor(bytes / 1e6));

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
