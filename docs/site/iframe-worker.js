"use strict";
// Browsers start no Worker for a page that is opened from disk: there the search runs in a hidden frame.
if (location.protocol === "file:") {
  const load = (page, source) => new Promise((done, failed) => {
    const script = page.createElement("script");
    script.src = source;
    script.onload = done;
    script.onerror = failed;
    page.body.append(script);
  });
  window.Worker = class extends EventTarget {
    constructor(source) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = "<body></body>";
      this.ready = new Promise((done, failed) => {
        this.frame.onload = () => {
          const inside = this.frame.contentWindow;
          inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          inside.importScripts = (...more) => more.reduce((before, one) => before.then(() => load(inside.document, one)), Promise.resolve());
          load(inside.document, source).then(() => done(inside), failed);
        };
      });
      document.body.append(this.frame);
    }
    postMessage(data) {
      this.ready.then((inside) => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
