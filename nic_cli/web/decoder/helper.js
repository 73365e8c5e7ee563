/** A worker that is one of the threads of `threads.js`. */

import { help } from "./threads.js";

self.onmessage = ({ data }) => help(data);
