/** Whether a page keeps every scan by itself, so that it can go on while nothing can be sent. */
export const takesScans = (path: string): boolean => path === "/scan";
