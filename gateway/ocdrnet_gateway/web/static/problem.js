/** What can go wrong with a request, in words for the person in front of the page. */

const WORDS = {
  400: ["The server does not understand this", "The page and the server may differ in version; reload the page."],
  401: ["An API key is needed", "This server reads for callers with a key."],
  408: ["The image came too slowly", "The connection may be slow; a smaller image helps."],
  413: ["The image is too large", "A smaller copy will do: text needs no more than about 20 pixels of height."],
  422: ["The server cannot read this", "The file may be damaged or no image, or an option does not fit. It says:"],
  429: ["The server is busy", "More requests arrived than it can take right now."],
  502: ["The reader failed on this image", "Trying again may help; its log has the details."],
  503: ["The reader is not there", "The server is up, but what reads the text is starting or away."],
  504: ["This took too long", "The server gave up. A smaller image, or trying again later, may help."],
};
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
  static from(request) {
    const body = parsed(request.responseText);
    const [title, advice] = WORDS[request.status] ?? OTHER;
    return new Problem(title, advice, {
      status: request.status,
      said: body.detail || body.title || "",
      requestId: request.getResponseHeader("x-request-id") || body.requestId || "",
      retryAfter: Number(request.getResponseHeader("retry-after")) || 0,
    });
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
