/** Roles that are part of Sallyport, and stay. */

/** Holds every permission. */
export const ADMIN = "admin";

/** Grants nothing, and anybody may have it. */
export const USER = "user";
