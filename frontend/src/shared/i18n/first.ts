/** What is said before sign-in: these sentences come with the page, the others behind it. */
export const SAID_FIRST =
  /^(app|signIn)\.|^problem\.(unreachable|unexpected|invalid|malformed|bad_credentials|totp_required|totp_wrong|too_many_requests|forbidden|internal_error|busy)$/;
