/** What an event tells of itself: anything that JSON has. */
export type Properties = Record<string, unknown>;
export interface Options {
    /** An API key of scope browser. */
    key: string;
    /** Address of the service, such as https://analytics.example. */
    host: string;
    /**
     * What is kept in the browser.
     * - nothing: not even events that wait; a visitor is new on each page that is loaded
     * - unsent: events, until they are delivered (default); a visitor as before
     * - session: also the visitor, as long as the tab is open
     * - visitor: also the visitor, until reset or the browser forgets
     */
    remember?: 'nothing' | 'unsent' | 'session' | 'visitor';
    /** Does nothing at all in browsers that send Do Not Track or Global Privacy Control. */
    dnt?: boolean;
    /** Records page views; true by default. */
    pages?: boolean;
    /**
     * What a page is called: a page view is recorded when this changes. By default
     * location.pathname, so that what is in the query stays in the browser.
     */
    path?: () => string;
    /** Is told of events that are given up, and why. By default the console is warned. */
    onDrop?: (reason: string, events: unknown[]) => void;
}
export interface Tracker {
    /** Records an event and returns its id, or '' if it is not recorded. */
    track(type: string, properties?: Properties): string;
    /** Records a page view: where pages are recorded automatically, one more. */
    page(properties?: Properties): string;
    /** Says who the visitor is: from here on events are of this user. */
    identify(userId: string | number, traits?: Properties): string;
    /** Forgets the user and makes a new visitor, for when somebody logs out. */
    reset(): void;
    /** Sends now what waits; ends when it is delivered, or at the first failure. */
    flush(): Promise<void>;
}
/** Makes a tracker. Use one a page. */
export declare function createTracker(options: Options): Tracker;
