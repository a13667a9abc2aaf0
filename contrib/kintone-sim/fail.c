/*
** fail.c - kintone's failures: codes, HTTP statuses, sentences.
**
** Statuses are those of KINTONE.md 7.  The sentences are for people only;
** nobody may branch on them.
*/
#include <string.h>

#include "base/rand.h"
#include "call.h"

typedef struct Failure {
  const char *code;
  int status;
  const char *en, *ja;
} Failure;

static const Failure failures[] = {
  {"CB_AU01", 401, "Please log in.", "ログインしてください。"},
  {"CB_WA01", 401, "The login name or the password is wrong.",
   "ログイン名またはパスワードが正しくありません。"},
  {"CB_NO02", 403, "You have no privilege to do this.", "権限がありません。"},
  {"CB_NF01", 404, "There is no such API.", "指定されたAPIは存在しません。"},
  {"CB_VA01", 400, "Missing or invalid input.", "入力内容が正しくありません。"},
  {"CB_IJ01", 400, "Invalid JSON string.", "不正なJSON文字列です。"},
  {"CB_IL02", 400, "Illegal request.", "不正なリクエストです。"},
  {"GAIA_IA02", 400, "The API token is unknown or not in use yet.",
   "指定したAPIトークンは無効です。"},
  {"GAIA_DA03", 400, "Two API tokens of one app were given.",
   "同じアプリのAPIトークンが複数指定されています。"},
  {"GAIA_NO01", 403, "The API token has no right to do this.",
   "指定したAPIトークンではこの操作を実行できません。"},
  {"GAIA_AP15", 403, "The API token belongs to another app than {0}.",
   "指定したAPIトークンはアプリ{0}のものではありません。"},
  {"GAIA_AP01", 404, "The app (ID: {0}) not found.",
   "指定したアプリ(id: {0})が見つかりません。"},
  {"GAIA_IL23", 400, "The app is in a guest space: use its path.",
   "ゲストスペース内のアプリです。"},
  {"GAIA_RE01", 404, "The specified record (ID: {0}) is not found.",
   "指定したレコード(id: {0})が見つかりません。"},
  {"GAIA_RE02", 400, "The specified comment (ID: {0}) is not found.",
   "指定したコメント(id: {0})が見つかりません。"},
  {"GAIA_RE03", 403, "The comment was written by somebody else.",
   "ほかのユーザーのコメントは削除できません。"},
  {"GAIA_RE20", 404, "No record has the update key {0} = {1}.",
   "更新キー{0}の値が{1}のレコードはありません。"},
  {"GAIA_BF02", 403, "{0} can be set only with the right to manage the app.",
   "{0}を設定するにはアプリ管理権限が必要です。"},
  {"GAIA_CO02", 409, "The revision is not the latest.",
   "指定したrevisionは最新ではありません。"},
  {"GAIA_UN10", 400, "Cannot update field whose type is {0}.",
   "{0}型のフィールドは更新できません。"},
  {"GAIA_IQ03", 400, "The operator {1} cannot be used with a field of type {0}.",
   "{0}型のフィールドには演算子{1}を使用できません。"},
  {"GAIA_IQ07", 400, "The operator {1} cannot be used in a table: {0}.",
   "テーブル内のフィールド{0}には演算子{1}を使用できません。"},
  {"GAIA_IQ10", 400, "The field {0} has no option {1}.",
   "フィールド{0}に選択肢{1}はありません。"},
  {"GAIA_IQ11", 400, "Specified field ({0}) not found.",
   "指定されたフィールド({0})が見つかりません。"},
  {"GAIA_IQ27", 400, "The field {0} does not prohibit duplicates.",
   "フィールド{0}は重複禁止ではないため更新キーにできません。"},
  {"GAIA_QU01", 400, "limit must be at most 500.",
   "limitには500以下の値を指定してください。"},
  {"GAIA_QU02", 400, "offset must be at most 10000.",
   "offsetには10000以下の値を指定してください。"},
  {"GAIA_CN01", 404, "The specified cursor is not found.",
   "指定したカーソルが見つかりません。"},
  {"GAIA_TM12", 429, "Too many cursors are open.",
   "作成できるカーソルの上限に達しています。"},
  {"GAIA_TO04", 429, "Too many requests at the same time.",
   "同時接続数の上限を超えています。"},
  {"GAIA_DA02", 400, "The database is locked. Try again later.",
   "データベースのロックに失敗しました。時間をおいて再度お試しください。"},
  {"GAIA_ST02", 400, "Process management is switched off.",
   "プロセス管理機能が無効です。"},
  {"GAIA_BL01", 404, "The specified file is not found.",
   "指定したファイルが見つかりません。"},
};

static const struct { const char *en, *ja; } messages[KS_M_COUNT] = {
  [KS_M_PARAMETER] = {"Required field.", "必須です。"},
  [KS_M_REQUIRED] = {"Required.", "必須です。"},
  [KS_M_MIN] = {"must be greater than or equal to {0}",
                "{0}以上である必要があります。"},
  [KS_M_MAX] = {"must be less than or equal to {0}",
                "{0}以下である必要があります。"},
  [KS_M_NUMBER] = {"Only numbers are allowed.", "数字でなければなりません。"},
  [KS_M_OPTION] = {"The value, \"{0}\", is not in options.",
                   "\"{0}\"は選択肢にありません。"},
  [KS_M_TWICE] = {"This value already exists in another record.",
                  "値がほかのレコードと重複しています。"},
  [KS_M_LONGER] = {"Enter less than {0} characters.",
                   "{0}文字より短くなければなりません。"},
  [KS_M_SHORTER] = {"Enter more than {0} characters.",
                    "{0}文字より長くなければなりません。"},
  [KS_M_MORE] = {"The value must be {0} or more.", "{0}以上でなければなりません。"},
  [KS_M_LESS] = {"The value must be {0} or less.", "{0}以下でなければなりません。"},
  [KS_M_100_ADD] = {"A maximum of 100 records can be added at one time.",
                    "一度に100件までのレコードを追加できます。"},
  [KS_M_100_UPDATE] = {"A maximum of 100 records can be updated at one time.",
                       "一度に100件までのレコードを更新できます。"},
  [KS_M_100_DELETE] = {
    "Between 1 and 100 records can be deleted at one time.",
    "一度に1件から100件までのレコードを削除できます。"},
  [KS_M_20_PARTS] = {"A maximum of 20 requests can be sent at one time.",
                     "一度に20件までのリクエストを送信できます。"},
  [KS_M_KEY_OR_ID] = {"Either id or updateKey is needed, and not both.",
                      "idまたはupdateKeyのどちらか一方を指定してください。"},
  [KS_M_SYNTAX] = {"Query syntax error: {0}.", "クエリ記法が間違っています: {0}"},
  [KS_M_WORD] = {"must be one of {0}", "{0}のいずれかである必要があります。"},
  [KS_M_NO_LIMIT] = {"limit and offset cannot be used here.",
                     "limitとoffsetは指定できません。"},
  [KS_M_SAME_COUNT] = {"There must be as many as {0}.",
                       "{0}と同じ数である必要があります。"},
  [KS_M_LIST] = {"must be a list", "配列である必要があります。"},
  [KS_M_USER] = {"There is no user {0}.", "ユーザー{0}は存在しません。"},
};

/* `text` with {0} and {1} replaced. */
static ml_str fill(ml_arena *arena, const char *text, ml_str a, ml_str b) {
  ml_buf out = {0};
  const char *p;

  for (p = text; *p != '\0'; p++) {
    if (strncmp(p, "{0}", 3) == 0 || strncmp(p, "{1}", 3) == 0) {
      ml_buf_put(&out, p[1] == '0' ? a.p : b.p, p[1] == '0' ? a.n : b.n);
      p += 2;
    } else {
      ml_buf_putc(&out, *p);
    }
  }
  return ks_taken(arena, &out);
}

static const Failure *failure_of(const char *code) {
  size_t i;

  for (i = 0; i < sizeof failures / sizeof *failures; i++)
    if (strcmp(failures[i].code, code) == 0)
      return &failures[i];
  ks_die("the failure %s has no row in the table", code);
}

void ks_fail(ks_call *c, const char *code, ml_str a, ml_str b) {
  const Failure *f = failure_of(code);

  if (c->failed)
    return;
  c->failed = true;
  c->code = f->code;
  c->status = f->status;
  c->message = fill(c->a, c->english ? f->en : f->ja, a, b);
}

void ks_fail_at(ks_call *c, const char *code) {
  ks_fail(c, code, ML_STR(""), ML_STR(""));
}

void ks_problem_add(ks_call *c, ml_str path, ks_msg msg, ml_str a) {
  ks_problem *p = ks_new(c->a, sizeof *p);

  p->path = path;
  p->text = fill(c->a, c->english ? messages[msg].en : messages[msg].ja, a,
                 ML_STR(""));
  if (c->last == NULL)
    c->last = &c->problems;
  *c->last = p;
  c->last = &p->next;
}

bool ks_call_sound(ks_call *c) {
  if (c->problems != NULL)
    ks_fail_at(c, "CB_VA01");
  return !c->failed;
}

/* 20 letters and digits, as kintone's. */
static ml_str failure_id(ml_arena *a) {
  static const char set[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  char *id = ks_new(a, 21);
  size_t i;

  for (i = 0; i < 20; i++)
    id[i] = set[ml_rand_between(ml_rand_system(), 0, (int64_t)sizeof set - 2)];
  return (ml_str){id, 20};
}

/* Was this path written already, by an earlier problem? */
static bool seen(const ks_problem *first, const ks_problem *p) {
  for (; first != p; first = first->next)
    if (ml_str_eq(first->path, p->path))
      return true;
  return false;
}

void ks_put_failure(ks_call *c, ml_jw *w) {
  const ks_problem *p, *q;

  ml_jw_obj(w);
  ml_jw_kstrz(w, "code", c->code);
  ml_jw_kstr(w, "id", failure_id(c->a));
  ml_jw_kstr(w, "message", c->message);
  if (strcmp(c->code, "CB_VA01") == 0 && c->problems != NULL) {
    ml_jw_key(w, "errors");
    ml_jw_obj(w);
    for (p = c->problems; p != NULL; p = p->next) {
      if (seen(c->problems, p))
        continue;
      ml_jw_keyn(w, p->path);
      ml_jw_obj(w);
      ml_jw_key(w, "messages");
      ml_jw_arr(w);
      for (q = p; q != NULL; q = q->next)
        if (ml_str_eq(q->path, p->path))
          ml_jw_str(w, q->text);
      ml_jw_end(w);
      ml_jw_end(w);
    }
    ml_jw_end(w);
  }
  ml_jw_end(w);
}
