# SPDX-License-Identifier: LGPL-2.1-or-later
#
# browser.py BROWSER URL: opens noVNC's page at URL in a Chromium without a screen, waits until it
# shows a picture, and prints the picture's width, height and number of colours.  The browser is
# spoken to over a pipe (Chrome DevTools Protocol, one JSON text after another, each ended by NUL).
#   browser.py BROWSER     whether the browser starts at all

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE = 600
PICTURE = """(() => {
  const screen = document.querySelector ('#noVNC_container canvas');
  if (! document.documentElement.classList.contains ('noVNC_connected') || ! screen || ! screen.width)
    return null;
  const pixels = new Uint32Array (screen.getContext ('2d').getImageData (0, 0, screen.width, screen.height).data.buffer);
  return [screen.width, screen.height, new Set (pixels).size];
})()"""


class Browser:
    def __init__(self, program, home):
        theirs_in, self.to = os.pipe()
        self.back, theirs_out = os.pipe()

        def pipes():
            # High first: what is copied to 3 and 4 must not lie there.
            first, second = os.dup2(theirs_in, 103), os.dup2(theirs_out, 104)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--user-data-dir=" + home, "--remote-debugging-pipe", "about:blank"],
            preexec_fn=pipes, close_fds=False, env={"HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(theirs_in)
        os.close(theirs_out)
        self.n = 0
        self.rest = b""
        self.deadline = threading.Timer(DEADLINE, self.end)
        self.deadline.start()

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)

    def call(self, method, session=None, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                more = os.read(self.back, 65536)
                if not more:
                    sys.exit("the browser has ended")
                self.rest += more
            text, self.rest = self.rest.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.n:
                if "error" in answer:
                    sys.exit("%s: %s" % (method, answer["error"]["message"]))
                return answer["result"]


def main():
    home = tempfile.mkdtemp()
    browser = Browser(sys.argv[1], home)
    try:
        target = browser.call("Target.createTarget", url=(sys.argv + ["about:blank"])[2])["targetId"]
        session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        picture = None
        while len(sys.argv) > 2:
            picture = browser.call("Runtime.evaluate", session, expression=PICTURE, returnByValue=True)["result"].get("value")
            if picture and picture[2] > 1:
                print(*picture)
                break
            time.sleep(0.2)
    finally:
        browser.end()
        browser.process.wait()
        browser.deadline.cancel()
        shutil.rmtree(home, ignore_errors=True)


main()
