// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/GatewayModules.h"
#include "appliance/spam/conf/RuleSet.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QHash>
#include <QtCore/QSet>
#include <QtTest/QTest>

#include <vector>

namespace portcullis::spam {

namespace {

struct PluginFunctions {
    const char *plugin;
    std::vector<const char *> functions;
};

/// The eval functions of the plugins that Debian's SpamAssassin 4.0.1 loads, and of those that pmg.conf can
/// switch on, whether a stock rule names them or not: administrators' rules may.
const std::vector<PluginFunctions> &knownFunctions()
{
    static const std::vector<PluginFunctions> known{
        {"AWL", {"check_from_in_auto_welcomelist", "check_from_in_auto_whitelist"}},
        {"Bayes", {"check_bayes"}},
        {"BodyEval",
         {"check_blank_line_ratio", "check_body_length", "check_stock_info",
          "multipart_alternative_difference", "multipart_alternative_difference_count",
          "plaintext_body_length", "plaintext_body_sig_ratio", "plaintext_sig_length",
          "tvd_vertical_words"}},
        {"DKIM",
         {"check_arc_signed", "check_arc_valid", "check_dkim_adsp", "check_dkim_dependable",
          "check_dkim_signall", "check_dkim_signed", "check_dkim_signsome", "check_dkim_testing",
          "check_dkim_valid", "check_dkim_valid_author_sig", "check_dkim_valid_envelopefrom",
          "check_dkim_verified", "check_for_def_dkim_welcomelist_from",
          "check_for_def_dkim_whitelist_from", "check_for_dkim_welcomelist_from",
          "check_for_dkim_whitelist_from"}},
        {"DMARC",
         {"check_dmarc_missing", "check_dmarc_none", "check_dmarc_pass", "check_dmarc_quarantine",
          "check_dmarc_reject"}},
        {"DNSEval",
         {"check_dns_sender", "check_rbl", "check_rbl_accreditor", "check_rbl_envfrom",
          "check_rbl_from_domain", "check_rbl_from_host", "check_rbl_headers", "check_rbl_ns_from",
          "check_rbl_rcvd", "check_rbl_sub", "check_rbl_txt"}},
        {"FreeMail",
         {"check_freemail_body", "check_freemail_from", "check_freemail_header",
          "check_freemail_replyto"}},
        {"HTMLEval",
         {"check_iframe_src", "html_charset_faraway", "html_eval", "html_image_only",
          "html_image_ratio", "html_range", "html_tag_balance", "html_tag_exists", "html_test",
          "html_text_match", "html_text_not_match", "html_title_subject_ratio"}},
        {"HTTPSMismatch", {"check_https_http_mismatch"}},
        {"HashBL",
         {"check_hashbl_attachments", "check_hashbl_bodyre", "check_hashbl_emails",
          "check_hashbl_tag", "check_hashbl_uris"}},
        {"HeaderEval",
         {"check_equal_from_domains",
          "check_for_fake_aol_relay_in_rcvd",
          "check_for_faraway_charset_in_headers",
          "check_for_forged_eudoramail_received_headers",
          "check_for_forged_gmail_received_headers",
          "check_for_forged_gw05_received_headers",
          "check_for_forged_hotmail_received_headers",
          "check_for_forged_juno_received_headers",
          "check_for_forged_yahoo_received_headers",
          "check_for_matching_env_and_hdr_from",
          "check_for_missing_to_header",
          "check_for_msn_groups_headers",
          "check_for_no_hotmail_received_headers",
          "check_for_shifted_date",
          "check_for_to_in_subject",
          "check_for_unique_subject_id",
          "check_header_count_range",
          "check_illegal_chars",
          "check_messageid_not_usable",
          "check_outlook_message_id",
          "check_ratware_envelope_from",
          "check_ratware_name_id",
          "check_unresolved_template",
          "gated_through_received_hdr_remover",
          "received_within_months",
          "similar_recipients",
          "sorted_recipients",
          "subject_is_all_caps"}},
        {"ImageInfo",
         {"image_count", "image_name_regex", "image_named", "image_size_exact", "image_size_range",
          "image_to_text_ratio", "pixel_coverage"}},
        {"MIMEEval",
         {"check_abundant_unicode_ratio", "check_base64_length", "check_for_ascii_text_illegal",
          "check_for_faraway_charset", "check_for_mime", "check_for_mime_html",
          "check_for_mime_html_only", "check_for_uppercase", "check_ma_non_text",
          "check_mime_multipart_ratio", "check_msg_parse_flags", "check_qp_ratio"}},
        {"Pyzor", {"check_pyzor"}},
        {"Razor2", {"check_razor2", "check_razor2_range"}},
        {"RelayEval",
         {"check_all_trusted", "check_for_forged_received_ip_helo",
          "check_for_forged_received_trail", "check_for_from_domain_in_received_headers",
          "check_for_illegal_ip", "check_for_no_rdns_dotcom_helo", "check_for_numeric_helo",
          "check_for_sender_no_reverse", "check_no_relays", "check_relays_unparseable",
          "helo_ip_mismatch"}},
        {"SPF",
         {"check_for_def_spf_welcomelist_from", "check_for_def_spf_whitelist_from",
          "check_for_spf_fail", "check_for_spf_helo_fail", "check_for_spf_helo_neutral",
          "check_for_spf_helo_none", "check_for_spf_helo_pass", "check_for_spf_helo_permerror",
          "check_for_spf_helo_softfail", "check_for_spf_helo_temperror", "check_for_spf_neutral",
          "check_for_spf_none", "check_for_spf_pass", "check_for_spf_permerror",
          "check_for_spf_softfail", "check_for_spf_temperror", "check_for_spf_welcomelist_from",
          "check_for_spf_whitelist_from", "check_spf_skipped_noenvfrom"}},
        {"TextCat", {"check_body_8bits", "check_language"}},
        {"URIDNSBL", {"check_uridnsbl"}},
        {"URIDetail", {"uri_detail"}},
        {"URIEval",
         {"check_for_http_redirector", "check_https_ip_mismatch", "check_uri_truncated"}},
        {"VBounce",
         {"check_welcomelist_bounce_relays", "check_whitelist_bounce_relays",
          "have_any_bounce_relays"}},
        {"WLBLEval",
         {"check_forged_in_default_welcomelist",
          "check_forged_in_default_whitelist",
          "check_forged_in_welcomelist",
          "check_forged_in_whitelist",
          "check_from_in_blacklist",
          "check_from_in_blocklist",
          "check_from_in_default_welcomelist",
          "check_from_in_default_whitelist",
          "check_from_in_list",
          "check_from_in_welcomelist",
          "check_from_in_whitelist",
          "check_mailfrom_matches_rcvd",
          "check_replyto_in_list",
          "check_to_in_all_spam",
          "check_to_in_blacklist",
          "check_to_in_blocklist",
          "check_to_in_list",
          "check_to_in_more_spam",
          "check_to_in_welcomelist",
          "check_to_in_whitelist",
          "check_uri_host_in_blacklist",
          "check_uri_host_in_blocklist",
          "check_uri_host_in_welcomelist",
          "check_uri_host_in_whitelist",
          "check_uri_host_listed"}},
        {"WelcomeListSubject",
         {"check_subject_in_blacklist", "check_subject_in_blocklist",
          "check_subject_in_welcomelist", "check_subject_in_whitelist"}},
    };
    return known;
}

/// Plugins that Debian loads and that have no eval functions: other parts of the engine do what they do.
const QSet<QByteArray> &pluginsWithoutFunctions()
{
    static const QSet<QByteArray> plugins{
        "AskDNS",              // network/: tests of kind AskDns
        "AutoLearnThreshold",  // bayes/: AutoLearn
        "Check",               // engine/: the order of tests
        "MIMEHeader",          // engine/: MimeHeaders
        "ReplaceTags",         // conf/: ReplaceTags
        "SpamCop",             // reports mail, which nobody does here
    };
    return plugins;
}

QHash<QByteArray, QByteArray> offeredFunctions()
{
    GatewayLinks links;
    links.usesBayes = true;
    links.usesReputation = true;
    const RuleSet rules;
    ModuleList modules = localModules();
    for (auto &module : gatewayModules(links)(rules)) {
        modules.push_back(std::move(module));
    }
    QHash<QByteArray, QByteArray> offered;
    for (const auto &module : modules) {
        const QByteArray plugin = module->plugin().split(':').back();
        for (const EvalModule::Entry &entry : module->functions()) {
            offered.insert(entry.name, plugin);
        }
    }
    return offered;
}

}  // namespace

/// A rule that works with SpamAssassin finds its function here.
class TestPluginFunctions : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void everyFunctionIsOffered_data()
    {
        QTest::addColumn<QByteArray>("plugin");
        QTest::addColumn<QByteArray>("function");
        for (const PluginFunctions &each : knownFunctions()) {
            for (const char *function : each.functions) {
                QTest::addRow("%s", function) << QByteArray(each.plugin) << QByteArray(function);
            }
        }
    }

    void everyFunctionIsOffered()
    {
        static const QHash<QByteArray, QByteArray> offered = offeredFunctions();
        QFETCH(QByteArray, plugin);
        QFETCH(QByteArray, function);
        QVERIFY2(offered.contains(function), "nobody offers it");
        QCOMPARE(offered.value(function), plugin);
    }

    void everyPluginOfDebianIsKnown()
    {
        QSet<QByteArray> known = pluginsWithoutFunctions();
        for (const PluginFunctions &each : knownFunctions()) {
            known.insert(each.plugin);
        }
        const QDir folder(QStringLiteral("/etc/spamassassin"));
        const QStringList files = folder.entryList({QStringLiteral("*.pre")});
        if (files.isEmpty()) {
            QSKIP("SpamAssassin is not installed");
        }
        for (const QString &name : files) {
            QFile file(folder.filePath(name));
            QVERIFY(file.open(QIODevice::ReadOnly));
            for (const QByteArray &line : file.readAll().split('\n')) {
                const QList<QByteArray> words = line.simplified().split(' ');
                if (words[0] == "loadplugin" && words.size() > 1) {
                    const QByteArray plugin = words[1].split(':').back();
                    QVERIFY2(known.contains(plugin), plugin.constData());
                }
            }
        }
    }
};

}  // namespace portcullis::spam

QTEST_GUILESS_MAIN(portcullis::spam::TestPluginFunctions)
#include "TestPluginFunctions.moc"
