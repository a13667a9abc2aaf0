/* cpbm_faults.h - the example files with one mistake each: what is edited, and
** what must be told. */
#ifndef ML_TESTS_CPBM_FAULTS_H
#define ML_TESTS_CPBM_FAULTS_H

#include <stdint.h>

static const struct {
  char file;                     /* m, w, b */
  const char *find, *with;
  uint32_t line;                 /* of the first mistake, in the file edited */
  const char *has;
} faults[] = {
  /* types */
  {'m', "tenantStateChange", "tenantStateChanges", 4, "'tenantStateChanges' (is"},
  {'m', "\"subscriptionActivation", "\"SubscriptionActivation", 11, "no type"},
  {'m', "\"subscriptionActivation", "\"x", 11, "no type of transaction 'x'"},
  {'m', "\"subscriptionActivation", "\"subscriptionActivation transaction", 11,
   "no type"},
  {'m', "\"subscriptionActivation", "\" Transaction", 11, "no type"},
  {'m', " type=\"tenantStateChange\"", "", 4, "Match has no attribute 'type'"},
  {'m', "\"subscriptionActivation\"", "\"\"", 11, "'type' of Match is empty"},
  {'m', "\"subscriptionActivation\"", "\" &#10; \"", 11, "'type' of Match is emp"},
  {'m', "Match type=", "Match Type=", 4, "Match has no attribute 'type'"},
  {'m', "Match type=", "Match xmlns:p='u' p:type='x' type=", 4, "two attributes"},
  {'m', "Match type=", "Match type='x' type=", 4, "duplicate attribute"},
  /* the workflow named */
  {'m', " workflow=\"reserve-funds\"", "", 11, "Match has no attribute 'workflow'"},
  {'m', "\"reserve-funds\"", "\"\"", 11, "'workflow' of Match is empty"},
  {'m', "\"reserve-funds\"", "\"reserve-fund\"", 11,
   "'reserve-fund' is not defined in workflows; defined are "
   "'retail-onboarding', 'basic-onboarding', 'reserve-funds'"},
  {'m', "\"reserve-funds\"", "\"Reserve-funds\"", 11, "is not defined"},
  {'m', "\"reserve-funds\"", "\"reserve  funds\"", 11, "is not defined"},
  /* rules: shape */
  {'m', "<Rule>{#transaction.tenant.accountType.preAuthRequired == true}</Rule>",
   "", 11, "this Match has no Rule"},
  {'m', "{#transaction.tenant.accountType.preAuthRequired == true}", "", 12,
   "Rule is empty"},
  {'m', "{#transaction.tenant.accountType.preAuthRequired == true}",
   " <!-- x --> \n ", 12, "Rule is empty"},
  {'m', "{#transaction.tenant.accountType.preAuthRequired == true}", "{}", 12,
   "hold no expression"},
  {'m', "{#transaction.tenant.accountType.preAuthRequired == true}</Rule>",
   "{true}</Rule><Rule>{true}</Rule>", 12, "a second Rule"},
  {'m', "{#transaction.tenant.accountType.preAuthRequired == true}",
   "#transaction.a == true", 12, "text before the opening"},
  {'m', "{#transaction.tenant.acc", "if {#transaction.tenant.acc", 12,
   "text before the opening"},
  {'m', "preAuthRequired == true}", "preAuthRequired == true}\n\n or", 14,
   "text behind the closing"},
  {'m', "preAuthRequired == true}", "preAuthRequired == true", 12,
   "the rule ends"},
  {'m', "preAuthRequired == true}</Rule>",
   "preAuthRequired == true}</Rule> and more", 12, "text in this Match"},
  {'m', "preAuthRequired == true}", "preAuthRequired <b>== true</b>}", 12,
   "an element 'b' inside a Rule"},
  /* rules: language */
  {'m', "paymentModes == 2", "getPaymentModes() == 2", 6, "methods are not called"},
  {'m', "paymentModes == 2", "paymentModes = 2", 6, "assigns"},
  {'m', "paymentModes == 2", "paymentModes[0] == 2", 6, "indexing"},
  {'m', "paymentModes == 2", "paymentModes == T(java.lang.Math).PI", 6, "T(...)"},
  {'m', "paymentModes == 2", "paymentModes == new Integer('2')", 6, "'new'"},
  {'m', "paymentModes == 2", "paymentModes == @modes", 6, "bean"},
  {'m', "paymentModes == 2", "paymentModes == 1 + 1", 6, "does not calculate"},
  {'m', "paymentModes == 2", "paymentModes == 2 == true", 6, "not chained"},
  {'m', "paymentModes == 2", "paymentModes == 'two", 6, "not closed"},
  {'m', "paymentModes == 2", "paymentModes == (2", 6, "')' is expected"},
  {'m', "paymentModes == 2", "paymentModes &lt; ", 6, "a value is expected"},
  {'m', "paymentModes == 2", "paymentModes\n\n\n ~ 2", 9, "expected here, not '~'"},
  {'m', "paymentModes == 2", "paymentModes<![CDATA[\n && \n]]> 2 ?", 8, "choose"},
  {'m', "paymentModes == 2", "paymentModes &#10;&#10; ~ 2", 6, "not '~'"},
  {'m', "#transaction.tenantInitialState", "#tx.tenantInitialState", 5,
   "only variable"},
  {'m', "#transaction.tenantInitialState", "tenantInitialState", 5,
   "through #transaction"},
  /* XML */
  {'m', "</Match>", "</match>", 7, "not well-formed: mismatched tag"},
  {'m', "</TransactionWorkflowMap>", "", 15, "not well-formed"},
  {'m', "</TransactionWorkflowMap>", "</TransactionWorkflowMap><x/>", 14,
   "not well-formed: junk after"},
  {'m', "paymentModes == 2", "paymentModes < 2", 6, "not well-formed"},
  {'m', "paymentModes == 2", "paymentModes == 2 && true", 6, "not well-formed"},
  {'m', "paymentModes == 2", "paymentModes == &two;", 6, "undefined entity"},
  {'m', "paymentModes == 2", "paymentModes == &#0;", 6, "not well-formed"},
  {'m', "paymentModes == 2", "paymentModes == \x01", 6, "not well-formed"},
  {'m', "paymentModes == 2", "paymentModes == '\xFF'", 6, "not well-formed"},
  {'m', "<?xml", " <?xml", 1, "not well-formed"},
  {'m', "<TransactionWorkflowMap>", "<!DOCTYPE x><TransactionWorkflowMap>", 2,
   "a DOCTYPE is not allowed"},
  {'m', "<TransactionWorkflowMap>", "\n<!DOCTYPE TransactionWorkflowMap SYSTEM "
   "\"http://example.org/x.dtd\">\n<TransactionWorkflowMap>", 3, "DOCTYPE"},
  {'m', "<TransactionWorkflowMap>", "<!DOCTYPE x [<!ENTITY a 'b'>]>"
   "<TransactionWorkflowMap>", 2, "DOCTYPE"},
  {'m', "UTF-8", "ISO-8859-1", 1, "the encoding 'ISO-8859-1' is not read"},
  {'m', "UTF-8", "US-ASCII", 1, "'US-ASCII' is not read"},
  {'m', "UTF-8", "Shift_JIS", 1, "'Shift_JIS' is not read"},
  {'m', "UTF-8", "UTF-16", 1, "not well-formed"},
  {'m', "UTF-8", "UTF-32", 1, "'UTF-32' is not read"},
  {'m', "<TransactionWorkflowMap>", "<Workflows>", 2, "root element is 'Workflows'"},
  {'m', "<TransactionWorkflowMap>", "<transactionWorkflowMap>", 2,
   "TransactionWorkflowMap is wanted"},
  /* workflows */
  {'w', "<Workflow name=\"basic-onboarding\"", "<Workflow", 12, "no attribute 'name'"},
  {'w', "\"basic-onboarding\"", "\"\"", 12, "'name' of Workflow is empty"},
  {'w', "\"basic-onboarding\"", "\" \t\n\"", 12, "'name' of Workflow is empty"},
  {'w', "\"basic-onboarding\"", "\"reserve-funds\"", 16, "two workflows"},
  {'w', "\"basic-onboarding\"", "\"a&#9;b\"", 12, "control characters"},
  {'w', "\"basic-onboarding\"", "\"a\xE2\x80\xAE" "b\"", 12, "turn text around"},
  {'w', "<Bucket order=\"1\"><Activity name=\"preauth\" "
   "ref=\"subscriptionPreAuthActivity\"/></Bucket>", "", 16, "has no Bucket"},
  {'w', "<Bucket order=\"1\"><Activity name=\"preauth\" "
   "ref=\"subscriptionPreAuthActivity\"/></Bucket>",
   "<bucket order=\"1\"/>", 16, "has no Bucket"},
  /* buckets */
  {'w', "who-are-you\" order=\"1\"", "who-are-you\"", 4, "no attribute 'order'"},
  {'w', "who-are-you\" order=\"1\"", "who-are-you\" Order=\"1\"", 4, "'order'"},
  {'w', "order=\"1\"", "order=\"\"", 4, "order '' of Bucket is no integer"},
  {'w', "order=\"1\"", "order=\"one\"", 4, "order 'one' of Bucket is no int"},
  {'w', "order=\"1\"", "order=\"1.0\"", 4, "is no integer"},
  {'w', "order=\"1\"", "order=\"0x1\"", 4, "is no integer"},
  {'w', "order=\"1\"", "order=\"1 2\"", 4, "is no integer"},
  {'w', "order=\"1\"", "order=\"-\"", 4, "is no integer"},
  {'w', "order=\"1\"", "order=\"+-1\"", 4, "is no integer"},
  {'w', "order=\"1\"", "order=\"2147483648\"", 4, "is no integer from"},
  {'w', "order=\"1\"", "order=\"-2147483649\"", 4, "is no integer from"},
  {'w', "order=\"1\"", "order=\"99999999999999999999999\"", 4, "is no integer"},
  {'w', "order=\"1\"", "order=\"\xEF\xBC\x91\"", 4, "is no integer"},
  /* activities */
  {'w', " name=\"retail-onboarding.card\"", "", 8, "Activity has no attribute 'name'"},
  {'w', "\"retail-onboarding.card\"", "\"\"", 8, "'name' of Activity is empty"},
  {'w', "\"retail-onboarding.card\"", "\"retail-onboarding.email\"", 8,
   "'retail-onboarding' has two activities 'retail-onboarding.email'; the "
   "other is in line 5"},
  {'w', " ref=\"collectCreditCardInfoActivity\"", "", 8, "no attribute 'ref'"},
  {'w', "\"collectCreditCardInfoActivity\"", "\"\"", 8, "'ref' of Activity is emp"},
  {'w', "\"collectCreditCardInfoActivity\"", "\"collectCreditCardActivity\"", 8,
   "the activity 'retail-onboarding.card' in bucket 'pay-and-create' of "
   "workflow 'retail-onboarding' has the ref 'collectCreditCardActivity'"},
  {'w', "name=\"accounts\" ref=\"create", "name=\"accounts\" ref=\"Create", 14,
   "in bucket 'Phase 2' of workflow 'basic-onboarding'"},
  {'w', "\"collectCreditCardInfoActivity\"", "\"../../etc/passwd\"", 8,
   "no activity of that name"},
  /* the other file's XML */
  {'w', "</Bucket>", "", 11, "mismatched tag"},
  {'w', "<Workflows>", "<!DOCTYPE Workflows [\n<!ENTITY x SYSTEM \"file:///x\">]>"
   "<Workflows>", 2, "DOCTYPE"},
  {'w', "<Workflows>", "<TransactionWorkflowMap>", 2, "Workflows is wanted"},
  {'w', "UTF-8", "windows-1252", 1, "'windows-1252' is not read"},
  /* beans */
  {'b', "value=\"72\"", "value=\"72h\"", 8, "'failureThresholdInHours' is '72h'"},
  {'b', "value=\"72\"", "value=\"-1\"", 8, "from 0 to 876000"},
  {'b', "value=\"72\"", "value=\"876001\"", 8, "from 0 to 876000"},
  {'b', "value=\"72\"", "value=\"\"", 8, "is ''"},
  {'b', "value=\"72\"", "", 8, "no attribute 'value'"},
  {'b', "value=\"72\"", "value=\"72\" ref=\"x\"", 8, "both a value and a ref"},
  {'b', "value=\"3\"", "value=\"1001\"", 4, "from 0 to 1000"},
  {'b', "value=\"3\"", "value=\"${retries}\"", 4, "integer"},
  {'b', "name=\"failureThresholdInHours\" ", "", 8, "property has no name"},
  {'b', "timeBetweenRetriesInHours\" value=\"12\"/>",
   "noOfRetries\" value=\"1\"/><property name=\"noOfRetries\" value=\"2\"/>", 12,
   "sets 'noOfRetries' twice"},
  {'b', "id=\"verifyMasterUserEmailActivity\"", "id=\"createOSSAccountActivity\"",
   11, "two beans 'createOSSAccountActivity'; the other is in line 7"},
  {'b', "<bean id=\"abstractRetriableActivity\"",
   "<bean id=\"abstractRetriableActivity\" parent=\"abstractRetriableActivity\"",
   11, "itself among its parents"},
  {'b', "<beans ", "<!DOCTYPE beans PUBLIC \"-//SPRING//DTD BEAN//EN\" "
   "\"http://example.org/spring-beans.dtd\">\n<beans ", 2, "DOCTYPE"},
  {'b', "</beans>", "", 16, "not well-formed"},
  {'b', "<beans ", "<Beans ", 2, "beans is wanted"}};

#endif
