// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/Capabilities.h"

#include <QtCore/QSet>

namespace portcullis::spam {

namespace {

constexpr char pluginPrefix[] = "Mail::SpamAssassin::Plugin::";

constexpr const char *pluginNames[] = {"ASN",
                                       "AWL",
                                       "AccessDB",
                                       "AntiVirus",
                                       "AskDNS",
                                       "AuthRes",
                                       "AutoLearnThreshold",
                                       "Bayes",
                                       "BodyEval",
                                       "BodyRuleBaseExtractor",
                                       "Check",
                                       "DCC",
                                       "DKIM",
                                       "DMARC",
                                       "DNSEval",
                                       "DecodeShortURLs",
                                       "ExtractText",
                                       "FreeMail",
                                       "FromNameSpoof",
                                       "HTMLEval",
                                       "HTTPSMismatch",
                                       "HashBL",
                                       "HeaderEval",
                                       "ImageInfo",
                                       "MIMEEval",
                                       "MIMEHeader",
                                       "OLEVBMacro",
                                       "OneLineBodyRuleType",
                                       "P595Body",
                                       "PDFInfo",
                                       "PhishTag",
                                       "Phishing",
                                       "Pyzor",
                                       "Razor2",
                                       "RelayCountry",
                                       "RelayEval",
                                       "ReplaceTags",
                                       "ResourceLimits",
                                       "Reuse",
                                       "Rule2XSBody",
                                       "SPF",
                                       "Shortcircuit",
                                       "SpamCop",
                                       "Test",
                                       "TextCat",
                                       "TxRep",
                                       "URIDNSBL",
                                       "URIDetail",
                                       "URIEval",
                                       "URILocalBL",
                                       "VBounce",
                                       "WLBLEval",
                                       "WelcomeListSubject"};

/// Module and name, without what all modules begin with.
constexpr const char *capabilities[] = {"Conf::feature_originating_ip_headers",
                                        "Conf::feature_dns_local_ports_permit_avoid",
                                        "Conf::feature_bayes_auto_learn_on_error",
                                        "Conf::feature_uri_host_listed",
                                        "Conf::feature_yesno_takes_args",
                                        "Conf::feature_bug6558_free",
                                        "Conf::feature_edns",
                                        "Conf::feature_dns_query_restriction",
                                        "Conf::feature_registryboundaries",
                                        "Conf::feature_geodb",
                                        "Conf::feature_dns_block_rule",
                                        "Conf::feature_compile_regexp",
                                        "Conf::feature_meta_rules_matching",
                                        "Conf::feature_subjprefix",
                                        "Conf::feature_bayes_stopwords",
                                        "Conf::feature_get_host",
                                        "Conf::feature_blocklist_welcomelist",
                                        "Conf::feature_welcomelist_blocklist",
                                        "Conf::feature_header_address_parser",
                                        "Conf::feature_local_tests_only",
                                        "Conf::feature_header_first_last",
                                        "Conf::feature_header_match_many",
                                        "Conf::feature_capture_rules",
                                        "Conf::has_tflags_nosubject",
                                        "Conf::has_tflags_nolog",
                                        "Conf::perl_min_version_5010000",
                                        "ASN::has_asn_lookup_ipv6",
                                        "ASN::has_asn_geodb",
                                        "ASN::has_check_asn",
                                        "ASN::has_check_asn_tag",
                                        "AskDNS::has_tag_header",
                                        "BodyEval::has_check_body_length",
                                        "BodyEval::has_plaintext_body_sig_ratio",
                                        "DKIM::has_arc",
                                        "DNSEval::has_tflags_domains_only",
                                        "DNSEval::has_tflags_ips_only",
                                        "DecodeShortURLs::has_short_url",
                                        "DecodeShortURLs::has_autoclean",
                                        "DecodeShortURLs::has_short_url_code",
                                        "DecodeShortURLs::has_user_agent",
                                        "DecodeShortURLs::has_get",
                                        "DecodeShortURLs::has_clear",
                                        "DecodeShortURLs::has_timeout",
                                        "DecodeShortURLs::has_max_redirections",
                                        "DecodeShortURLs::has_short_url_redir",
                                        "HashBL::has_hashbl_bodyre",
                                        "HashBL::has_hashbl_bodyre_num",
                                        "HashBL::has_hashbl_emails",
                                        "HashBL::has_hashbl_uris",
                                        "HashBL::has_hashbl_ignore",
                                        "HashBL::has_hashbl_email_regex",
                                        "HashBL::has_hashbl_email_welcomelist",
                                        "HashBL::has_hashbl_email_whitelist",
                                        "HashBL::has_hashbl_tag",
                                        "HashBL::has_hashbl_sha256",
                                        "HashBL::has_hashbl_attachments",
                                        "HashBL::has_hashbl_email_domain",
                                        "HashBL::has_hashbl_email_domain_alias",
                                        "MIMEEval::has_check_for_ascii_text_illegal",
                                        "MIMEEval::has_check_abundant_unicode_ratio",
                                        "MIMEEval::has_check_qp_ratio",
                                        "MIMEHeader::has_all_header",
                                        "MIMEHeader::has_tflags_range",
                                        "MIMEHeader::has_tflags_concat",
                                        "MIMEHeader::has_tflags_multiple",
                                        "MIMEHeader::has_capture_rules",
                                        "OLEVBMacro::has_olemacro_redirect_uri",
                                        "OLEVBMacro::has_olemacro_mhtml_uri",
                                        "OLEVBMacro::has_olertfobject",
                                        "Pyzor::has_fork",
                                        "Pyzor::has_perl",
                                        "Razor2::has_fork",
                                        "SPF::has_check_for_spf_errors",
                                        "SPF::has_check_spf_skipped_noenvfrom",
                                        "URIDNSBL::has_tflags_domains_only",
                                        "URIDNSBL::has_subtest_for_ranges",
                                        "URIDNSBL::has_uridnsbl_for_a",
                                        "URIDNSBL::has_uridnsbl_a_ns",
                                        "URIDNSBL::has_tflags_notrim",
                                        "URIDNSBL::has_uridnsbl_skip_mailto",
                                        "URIDetail::has_host_key"};

template<size_t Count>
QSet<QByteArray> namesWithPrefix(const char *prefix, const char *const (&names)[Count])
{
    QSet<QByteArray> set;
    for (const char *name : names) {
        set.insert(prefix + QByteArray(name));
    }
    return set;
}

}  // namespace

bool isKnownPlugin(const QByteArray &package)
{
    static const QSet<QByteArray> names = namesWithPrefix(pluginPrefix, pluginNames);
    return names.contains(package);
}

QByteArray newestPlugin(const QByteArray &package)
{
    const QByteArray prefix = pluginPrefix;
    if (package == prefix + "Dmarc") {
        return prefix + "DMARC";
    }
    return package == prefix + "WhiteListSubject" ? prefix + "WelcomeListSubject" : package;
}

bool isCapable(const QByteArray &package, const QByteArray &name)
{
    static const QSet<QByteArray> names = namesWithPrefix("", capabilities);
    return names.contains(package.mid(package.lastIndexOf(':') + 1) + "::" + name);
}

}  // namespace portcullis::spam
