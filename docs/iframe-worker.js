/* The site's search works from disk: there browsers refuse a Worker, so its script runs in a hidden frame. Material for
   MkDocs would load such a stand-in from another machine; it asks for `IFrameWorker` to know where its files lie. */
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.importScripts = (...urls) => urls.reduce((before, each) => before.then(() => this.run(each)), Promise.resolve())
      this.ready = this.run(url)
    }
    run(url) {
      const script = this.frame.contentDocument.createElement("script")
      script.src = new URL(url, document.baseURI).href
      return new Promise((done, failed) => {
        script.onload = done
        script.onerror = failed
        this.frame.contentDocument.body.append(script)
      })
    }
    postMessage(data) {
      this.ready.then(() => {
        const { MessageEvent: Event } = this.frame.contentWindow
        this.frame.contentWindow.dispatchEvent(new Event("message", { data }))
      })
    }
    terminate() {
      this.frame.remove()
    }
  }
  window.Worker = window.IFrameWorker
}
